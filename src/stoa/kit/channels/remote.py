"""The channel to a neighbor in another process, and the server that answers it: grpc.aio.

Both ends hand bytes to gRPC and keep everything else to the code that the in-process channel uses.
Neighbors share a secret, sent with each call: whoever does not know it cannot speak as somebody's
principal. The network between processes is taken to be private; encryption is the mesh's business.
"""

from __future__ import annotations

import asyncio
import contextvars
import hmac
import time
from functools import partial
from typing import Any

import grpc
import grpc.aio

from stoa.kit.channels.calls import Channel, Observer, Outgoing
from stoa.kit.channels.faults import Faults
from stoa.kit.channels.metadata import SECRET
from stoa.kit.channels.registry import Registry
from stoa.kit.channels.replies import MAX_MESSAGE_BYTES, MAX_METADATA_BYTES, Reply
from stoa.kit.channels.servicer_context import ServicerContext
from stoa.kit.problems import Unavailable

_Options = tuple[tuple[str, Any], ...]

_LIMITS: _Options = (
    # A little over our own limit, which answers first and alike on both transports.
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES + 1024),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES + 1024),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
)

PING_EVERY_MS = 10_000
"""A peer that vanished without a word (a machine, not a process) is noticed in this and `PING_ANSWER_MS`."""
PING_ANSWER_MS = 5_000

_NO_METHOD = "/stoa/None"
"""What nobody has: an answer to it says that somebody is there."""
_NO_ANSWER = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAUTHENTICATED}

_CLIENT_OPTIONS: _Options = (
    *_LIMITS,
    # A neighbor that was restarted is found within about a second: short pauses between attempts,
    # and a second for one attempt.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Only a caller knows whether a repeat is safe; and a neighbor is not behind a proxy.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # Over all addresses that the name stands for.
    ("grpc.service_config", '{"loadBalancingConfig":[{"round_robin":{}}]}'),
)

_SERVER_OPTIONS: _Options = (
    *_LIMITS,
    ("grpc.keepalive_permit_without_calls", 1),
    # Two servers on one port share its calls unnoticed: a forgotten process would answer half of them.
    ("grpc.so_reuseport", 0),
)


def _client_options() -> _Options:
    pings = (("grpc.keepalive_time_ms", PING_EVERY_MS), ("grpc.keepalive_timeout_ms", PING_ANSWER_MS))
    return (*_CLIENT_OPTIONS, *pings)


def _server_options() -> _Options:
    # A server cuts off who pings more often than this, which gRPC has at five minutes. Half: timers may be late.
    # A name that gRPC does not know it passes over in silence.
    return (*_SERVER_OPTIONS, ("grpc.http2.min_ping_interval_without_data_ms", PING_EVERY_MS // 2))


class RemoteChannel(Channel):
    """A channel to `address` (`host:port`), opened by the first call."""

    def __init__(
        self,
        address: str,
        secret: str,
        faults: Faults | None = None,
        *,
        caller: str = "",
        observer: Observer | None = None,
    ) -> None:
        super().__init__(faults, caller, observer)
        self._address = address
        self._secret = _required(secret)
        self._wire: grpc.aio.Channel | None = None
        self._methods: dict[str, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = {}

    def _opened(self) -> grpc.aio.Channel:
        # Not in __init__: gRPC binds a channel to the event loop that runs.
        if self._wire is None:
            self._wire = grpc.aio.insecure_channel(self._address, options=_client_options())
        return self._wire

    def _send(self, outgoing: Outgoing) -> asyncio.Future[Reply]:
        return asyncio.get_running_loop().create_task(self._carry(outgoing))

    async def _carry(self, outgoing: Outgoing) -> Reply:
        method = self._methods.get(outgoing.path)
        if method is None:
            method = self._methods[outgoing.path] = self._opened().unary_unary(outgoing.path)
        call = method(
            outgoing.body,
            timeout=outgoing.deadline - time.monotonic(),
            metadata=(*outgoing.metadata, (SECRET, self._secret)),
        )
        try:
            body = await call
        except grpc.aio.AioRpcError as error:
            # A cancellation that is not ours comes from a server on its way out.
            gone = error.code() is grpc.StatusCode.CANCELLED
            return Reply(
                grpc.StatusCode.UNAVAILABLE if gone else error.code(),
                details=error.details() or "",
                initial_metadata=tuple(error.initial_metadata() or ()),
                trailing_metadata=tuple(error.trailing_metadata() or ()),
            )
        return Reply(
            grpc.StatusCode.OK,
            body,
            initial_metadata=tuple(await call.initial_metadata()),
            trailing_metadata=tuple(await call.trailing_metadata()),
        )

    async def check(self, within_seconds: float) -> None:
        """Return when the neighbor has answered us, whatever it says. Raises `Unavailable` where it does not, or does
        not believe us."""
        reply = await self._carry(Outgoing(_NO_METHOD, b"", (), time.monotonic() + within_seconds))
        if reply.code in _NO_ANSWER:
            raise Unavailable(reply.details or reply.code.name)

    async def close(self, grace: float | None = None) -> None:
        await super().close(grace)
        if self._wire is not None:
            await self._wire.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._opened().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._opened().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._opened().channel_ready()


class RpcServer:
    """Answers calls to the servicers of `registry` on `host:port`; port 0 takes a free one."""

    def __init__(self, registry: Registry, host: str, port: int, secret: str) -> None:
        self._registry = registry
        self._address = f"{host}:{port}"
        self._secret = _required(secret)
        self._server: grpc.aio.Server | None = None
        self.port = port

    async def start(self) -> None:
        """Listen. Raises RuntimeError where the port is taken."""
        # gRPC's handler tasks inherit the context that the server starts in: an empty one.
        await asyncio.get_running_loop().create_task(self._start(), context=contextvars.Context())

    async def _start(self) -> None:
        self._server = grpc.aio.server(handlers=(_EveryMethod(self),), options=_server_options())
        self.port = self._server.add_insecure_port(self._address)
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """Take no new calls, let those that run finish, and cut off what outlasts the grace."""
        if self._server is not None:
            await self._server.stop(grace_seconds)

    async def answer(self, path: str, body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        """Answer one call of the wire."""
        metadata = tuple((name, value) for name, value in context.invocation_metadata() or ())
        secret = dict(metadata).get(SECRET)
        if not isinstance(secret, bytes) or not hmac.compare_digest(secret, self._secret):
            context.set_code(grpc.StatusCode.UNAUTHENTICATED)
            context.set_details("the caller does not know the shared secret")
            return b""
        remaining: float | None = context.time_remaining()
        deadline = None if remaining is None else time.monotonic() + remaining
        reply = await self._registry.answer(path, body, ServicerContext(metadata, deadline, context.peer()))
        if reply.initial_metadata:
            await context.send_initial_metadata(reply.initial_metadata)
        if reply.trailing_metadata:
            context.set_trailing_metadata(reply.trailing_metadata)
        if reply.code is not grpc.StatusCode.OK:
            context.set_code(reply.code)
            context.set_details(reply.details)
        return reply.body


class _EveryMethod(grpc.GenericRpcHandler):
    """Leads every path to the registry, which knows what there is, once the secret has been seen."""

    def __init__(self, server: RpcServer) -> None:
        self._server = server

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(partial(self._server.answer, handler_call_details.method))


def _required(secret: str) -> bytes:
    if not secret:
        raise ValueError("neighbors need a shared secret")
    return secret.encode()
