"""How announced events reach those who hear of them: a bus has an end at the announcer and one at the hearer.

`DirectBus` calls the hearer's intake through the same channels as every other call, in process or not.
Whatever the bus, an event counts as delivered when the hearer has committed it to its inbox.
`tests/kit/events/test_bus.py` says what each must keep.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import grpc.aio

from stoa.contracts.events.v1.events_pb2 import DeliverRequest
from stoa.contracts.events.v1.events_pb2_grpc import IntakeServiceStub, add_IntakeServiceServicer_to_server
from stoa.kit.channels import Registry
from stoa.kit.events import Owed, Refusal
from stoa.kit.intake import Acceptor, IntakeServicer

DELIVERY_SECONDS = 10


class Bus(Protocol):
    """What a relay hands events to, and what brings them to the services of a process."""

    async def deliver(self, recipient: str, events: Sequence[Owed]) -> Sequence[Refusal]:
        """Deliver in this order; every event that is not refused is then kept by the recipient.

        Raises when the recipient does not answer: then any of them may or may not have arrived.
        """

    def receive(self, acceptors: Mapping[str, Acceptor]) -> AbstractAsyncContextManager[None]:
        """For the block, what comes for a service of these names is given to its acceptor, each subject in order.

        What `accept` has not returned from comes again. Where several processes receive for one service, an event
        may come to any of them: they share the inbox.
        """


class DirectBus:
    """Calls the recipient. `channel_of` gives the channel to a service by name; `registry` has what is called here."""

    def __init__(self, channel_of: Callable[[str], grpc.aio.Channel], registry: Registry) -> None:
        self._channel_of = channel_of
        self._receiving: dict[str, Acceptor] = {}
        # The generated functions name gRPC's server; the registry has what they use of it.
        server: Any = registry
        add_IntakeServiceServicer_to_server(IntakeServicer(self._receiving), server)

    async def deliver(self, recipient: str, events: Sequence[Owed]) -> Sequence[Refusal]:
        stub = IntakeServiceStub(self._channel_of(recipient))
        request = DeliverRequest(subscriber=recipient, events=[event.document for event in events])
        answer = await stub.Deliver(request, timeout=DELIVERY_SECONDS)
        return [Refusal(refusal.event_id, refusal.reason) for refusal in answer.refusals]

    @asynccontextmanager
    async def receive(self, acceptors: Mapping[str, Acceptor]) -> AsyncIterator[None]:
        before = dict(self._receiving)
        self._receiving.update(acceptors)
        try:
            yield
        finally:
            self._receiving.clear()
            self._receiving.update(before)
