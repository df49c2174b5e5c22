"""How announced events reach those who hear of them.

`DirectBus` calls the recipient's intake through the same channels as every other call, in process or
not. Whatever the bus, an event counts as delivered when the recipient has committed it to its inbox.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import grpc.aio
import msgspec

from stoa.contracts.events.v1.events_pb2 import DeliverRequest
from stoa.contracts.events.v1.events_pb2_grpc import IntakeServiceStub
from stoa.kit.events import Event, Refusal

DELIVERY_SECONDS = 10


class Bus(Protocol):
    """What a relay hands events to."""

    async def deliver(self, recipient: str, events: Sequence[Event]) -> Sequence[Refusal]:
        """Deliver in this order; every event that is not refused is then kept by the recipient.

        Raises when the recipient does not answer: then any of them may or may not have arrived.
        """


class DirectBus:
    """Calls the recipient. `channel_of` gives the channel to a service by name."""

    def __init__(self, channel_of: Callable[[str], grpc.aio.Channel]) -> None:
        self._channel_of = channel_of

    async def deliver(self, recipient: str, events: Sequence[Event]) -> Sequence[Refusal]:
        stub = IntakeServiceStub(self._channel_of(recipient))
        request = DeliverRequest(subscriber=recipient, events=[msgspec.json.encode(event) for event in events])
        answer = await stub.Deliver(request, timeout=DELIVERY_SECONDS)
        return [Refusal(refusal.event_id, refusal.reason) for refusal in answer.refusals]
