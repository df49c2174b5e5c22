"""A fact that a service announces: CloudEvents 1.0, as JSON on every bus."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is what happened (`order.placed`), `subject` the aggregate's id, `source` the service.

    `aggregateversion` counts the changes of that aggregate: a consumer for whom order matters skips
    what is not newer than what it has seen. `personal` names the members of `data` that are about a
    person: whoever keeps the event cuts them out when it has been handled.
    """

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    aggregateversion: int
    traceparent: str
    data: dict[str, Any]
    personal: tuple[str, ...] = ()
    specversion: str = "1.0"

    def read(self, shape: Callable[..., T]) -> T:
        """The data as the struct that the consumer declares, with just the members it reads."""
        result: T = msgspec.convert(self.data, shape)
        return result


class _FactType(msgspec.StructMeta):
    """Takes `event` and `personal` from the class statement: msgspec's own metaclass refuses what it does not know."""

    def __new__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        event: str = "",
        personal: tuple[str, ...] = (),
        **options: Any,
    ) -> Any:
        made: Any = super().__new__(cls, name, bases, namespace, **options)
        if unknown := set(personal) - set(made.__struct_fields__):
            raise TypeError(f"{name} has no {sorted(unknown)} that could be personal")
        made.__event__ = event
        made.__personal__ = personal
        return made


class Refusal(NamedTuple):
    """A recipient will not take an event, now or later: it does not know the type, or cannot read it."""

    event_id: str
    reason: str


class Fact(msgspec.Struct, metaclass=_FactType, frozen=True, kw_only=True):
    """What a service's `events.py` derives its announcements from: the struct is the event's data.

    class OrderPlaced(Fact, frozen=True, kw_only=True, event="order.placed", personal=("email",)): ...

    `personal` names the members that are about a person. They go only to the services that `stoa.app` says get
    them, and stay nowhere on the way longer than it takes.
    """

    @classmethod
    def event_type(cls) -> str:
        return str(cls.__event__)  # type: ignore[attr-defined]

    def split(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What anybody may hear of it, and what is personal."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        personal = {name: document.pop(name) for name in type(self).__personal__}  # type: ignore[attr-defined]
        return document, personal
