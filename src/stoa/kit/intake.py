"""Where deliveries come in: what can be read goes to the one it is for, and what cannot is refused.

What is refused stays with who announced it, in sight, with the reason; and with it what follows it of its subject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from stoa.contracts.events.v1 import events_pb2
from stoa.contracts.events.v1.events_pb2 import DeliverRequest, DeliverResponse
from stoa.contracts.events.v1.events_pb2_grpc import IntakeServiceServicer
from stoa.kit import problems
from stoa.kit.events import Event, Refusal


class Acceptor(Protocol):
    """Whoever events are delivered to: a service's inbox, or the gateway, which keeps nothing."""

    async def accept(self, events: Sequence[Event]) -> Sequence[Refusal]:
        """Keep the events. Those refused come back, and with each what follows it of its subject."""


class IntakeServicer(IntakeServiceServicer):
    """Where the direct bus delivers: the acceptors of this process, by the name of the service."""

    def __init__(self, acceptors: Mapping[str, Acceptor]) -> None:
        self._acceptors = acceptors

    async def Deliver(self, request: DeliverRequest, context: object) -> DeliverResponse:  # noqa: ARG002, N802
        acceptor = self._acceptors.get(request.subscriber)
        if acceptor is None:
            raise problems.NotFound(f"{request.subscriber} does not run here.")
        readable, refusals = sort_out([_read(document) for document in request.events], _unreadable)
        events = [event for event in readable if isinstance(event, Event)]
        if events:
            refusals += await acceptor.accept(events)
        return DeliverResponse(
            refusals=[events_pb2.Refusal(event_id=refusal.event_id, reason=refusal.reason) for refusal in refusals]
        )


class _Unreadable(msgspec.Struct):
    """What can still be read of an event that is malformed: enough to refuse it."""

    id: str
    subject: str = ""
    why: str = ""


_Delivered = TypeVar("_Delivered", Event, Event | _Unreadable)

_read_id = msgspec.json.Decoder(_Unreadable).decode


def _read(document: bytes) -> Event | _Unreadable:
    try:
        event = Event.decode(document)
    except ValueError as error:  # as msgspec's errors are, and UUID's
        try:
            unreadable = _read_id(document)
        except ValueError:
            raise problems.BadRequest("An event without an id cannot even be refused.") from error
        unreadable.why = f"it cannot be read: {error}"
        return unreadable
    return event


def _unreadable(delivered: Event | _Unreadable) -> str | None:
    return delivered.why if isinstance(delivered, _Unreadable) else None


def sort_out(
    delivered: Sequence[_Delivered], why_not: Callable[[_Delivered], str | None]
) -> tuple[list[_Delivered], list[Refusal]]:
    """What to keep and what to refuse: with a refused event everything that follows it of its subject."""
    kept: list[_Delivered] = []
    refusals: list[Refusal] = []
    refused_subjects: set[str] = set()
    for each in delivered:
        reason = why_not(each)
        if reason is None and each.subject in refused_subjects:
            reason = "behind an event that was refused"
        if reason is None:
            kept.append(each)
        else:
            refusals.append(Refusal(each.id, reason))
            refused_subjects.add(each.subject)
    return kept, refusals
