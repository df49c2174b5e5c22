"""The channel to a neighbor in the same process: the wire's behavior without the wire.

Messages are serialized and parsed both ways, so nothing is shared and what cannot travel fails here
too. The handler runs in a task and a `contextvars.Context` of its own: it sees nothing of the caller
but the metadata, and it is canceled when the caller goes away or the deadline passes.
"""

from __future__ import annotations

import asyncio
import contextvars
import time

import grpc

from stoa.kit.channels.calls import Channel, Observer, Outgoing
from stoa.kit.channels.faults import Faults
from stoa.kit.channels.registry import Registry
from stoa.kit.channels.replies import Reply
from stoa.kit.channels.servicer_context import ServicerContext

_EXPIRED = Reply(grpc.StatusCode.DEADLINE_EXCEEDED, details="the deadline passed")


class InProcessChannel(Channel):
    """A channel to the servicers of `registry`."""

    def __init__(
        self, registry: Registry, faults: Faults | None = None, *, caller: str = "", observer: Observer | None = None
    ) -> None:
        super().__init__(faults, caller, observer)
        self._registry = registry

    def _send(self, outgoing: Outgoing) -> asyncio.Future[Reply]:
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Reply] = loop.create_future()
        handling = loop.create_task(self._answer(outgoing, reply), context=contextvars.Context())
        expiry = loop.call_later(outgoing.deadline - time.monotonic(), _settle, reply, _EXPIRED)

        def finished(_: asyncio.Future[Reply]) -> None:
            expiry.cancel()
            # Changes nothing where the handler has answered.
            handling.cancel()

        reply.add_done_callback(finished)
        return reply

    async def _answer(self, outgoing: Outgoing, reply: asyncio.Future[Reply]) -> None:
        context = ServicerContext(outgoing.metadata, outgoing.deadline, "in-process")
        _settle(reply, await self._registry.answer(outgoing.path, outgoing.body, context))

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: ARG002 gRPC's signature
        return grpc.ChannelConnectivity.SHUTDOWN if self._closed else grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        raise NotImplementedError("a neighbor in the same process is always there")

    async def channel_ready(self) -> None:
        """At once."""


def _settle(reply: asyncio.Future[Reply], result: Reply) -> None:
    if not reply.done():
        reply.set_result(result)
