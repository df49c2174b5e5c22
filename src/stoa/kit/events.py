"""A fact that a service announces: CloudEvents 1.0, as JSON on every bus."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The members of an event on the way. `data` is passed on as it was written: nobody on the way reads it."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    aggregateversion: int
    traceparent: str
    data: msgspec.Raw
    personal: tuple[str, ...] = ()
    specversion: str = "1.0"


_read_envelope = msgspec.json.Decoder(Envelope).decode
_write = msgspec.json.Encoder().encode


class Event:
    """`type` is what happened (`order.placed`), `subject` the aggregate's id, `source` the service.

    `aggregateversion` counts the changes of that aggregate: a consumer for whom order matters skips
    what is not newer than what it has seen. `personal` names the members of `data` that are about a
    person: whoever keeps the event cuts them out when it has been handled.
    """

    __slots__ = (
        "_data",
        "_json",
        "aggregateversion",
        "id",
        "personal",
        "source",
        "specversion",
        "subject",
        "time",
        "traceparent",
        "type",
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002  (CloudEvents calls it so)
        type: str,  # noqa: A002
        source: str,
        subject: str,
        time: datetime,
        aggregateversion: int,
        traceparent: str,
        data: dict[str, Any] | str,
        personal: tuple[str, ...] = (),
        specversion: str = "1.0",
    ) -> None:
        """`data` may be given as the JSON that it came as."""
        self.id = id
        self.type = type
        self.source = source
        self.subject = subject
        self.time = time
        self.aggregateversion = aggregateversion
        self.traceparent = traceparent
        self.personal = personal
        self.specversion = specversion
        self._json = data if isinstance(data, str) else ""
        self._data = None if isinstance(data, str) else data

    @classmethod
    def decode(cls, document: bytes) -> Event:
        """An event as it came over a bus. Raises ValueError where it is none."""
        came = _read_envelope(document)
        data = str(memoryview(came.data), "utf-8")
        if not data.startswith("{"):
            raise ValueError("its data is no object")
        return cls(
            id=str(UUID(came.id)),
            type=came.type,
            source=came.source,
            subject=came.subject,
            time=came.time,
            aggregateversion=came.aggregateversion,
            traceparent=came.traceparent,
            data=data,
            personal=came.personal,
            specversion=came.specversion,
        )

    def encode(self) -> bytes:
        """The event as it goes over a bus."""
        return _write(
            Envelope(
                id=self.id,
                type=self.type,
                source=self.source,
                subject=self.subject,
                time=self.time,
                aggregateversion=self.aggregateversion,
                traceparent=self.traceparent,
                data=msgspec.Raw(self.json),
                personal=self.personal,
                specversion=self.specversion,
            )
        )

    def telling(self, said: Said) -> Event:
        """The same with what is personal."""
        return Event(
            id=self.id,
            type=self.type,
            source=self.source,
            subject=self.subject,
            time=self.time,
            aggregateversion=self.aggregateversion,
            traceparent=self.traceparent,
            data=said.all,
            personal=said.names,
            specversion=self.specversion,
        )

    @property
    def data(self) -> dict[str, Any]:
        """What it says, as plain values: decoded when somebody first asks, for as a rule it is `read`."""
        if self._data is None:
            self._data = msgspec.json.decode(self._json, type=dict[str, Any])
        return self._data

    @property
    def json(self) -> str:
        """What it says, as JSON."""
        return self._json if self._data is None else _write(self._data).decode()

    def read(self, shape: Callable[..., T]) -> T:
        """The data as the struct that the consumer declares, with just the members it reads."""
        result: T
        if self._data is None:
            result = msgspec.json.decode(self._json, type=shape)
        else:
            result = msgspec.convert(self._data, shape)
        return result


class _FactType(msgspec.StructMeta):
    """Takes `event`, `personal` and `first` from the class statement: msgspec's own metaclass refuses what it does not
    know."""

    def __new__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        event: str = "",
        personal: tuple[str, ...] = (),
        first: bool = False,
        **options: Any,
    ) -> Any:
        made: Any = super().__new__(cls, name, bases, namespace, **options)
        if unknown := set(personal) - set(made.__struct_fields__):
            raise TypeError(f"{name} has no {sorted(unknown)} that could be personal")
        made.__event__ = event
        made.__personal__ = personal
        made.__first__ = first
        return made


class Refusal(NamedTuple):
    """A recipient will not take an event, now or later: it does not know the type, or cannot read it."""

    event_id: str
    reason: str


class Said(NamedTuple):
    """A fact as JSON: what anybody may hear of it, and apart from that what is personal, by its `names`."""

    open: str
    personal: str | None = None
    names: tuple[str, ...] = ()

    @property
    def all(self) -> str:
        """Both together."""
        if self.personal is None:
            return self.open
        return self.personal if self.open == "{}" else f"{self.open[:-1]},{self.personal[1:]}"


class Owed(NamedTuple):
    """An event on its way to one recipient, encoded. `number` is its place in the announcer's log.

    `is_next` if nothing older of its subject can be owed.
    """

    number: int
    event_id: str
    subject: str
    document: bytes
    is_next: bool = False


class Fact(msgspec.Struct, metaclass=_FactType, frozen=True, kw_only=True):
    """What a service's `events.py` derives its announcements from: the struct is the event's data.

    class OrderPlaced(Fact, frozen=True, kw_only=True, event="order.placed", personal=("email",)): ...

    `personal` names the members that are about a person. They go only to the services that `stoa.app` says get
    them, and stay nowhere on the way longer than it takes.

    `first=True` promises that nothing is ever announced of its subject before it: it need not wait for anything.
    """

    @classmethod
    def event_type(cls) -> str:
        return str(cls.__event__)  # type: ignore[attr-defined]

    @classmethod
    def is_first(cls) -> bool:
        return bool(cls.__first__)  # type: ignore[attr-defined]

    def split(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What anybody may hear of it, and what is personal."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        personal = {name: document.pop(name) for name in type(self).__personal__}  # type: ignore[attr-defined]
        return document, personal


def said_of(fact: Fact) -> Said:
    """The fact as JSON. No method: a fact's own members have any name."""
    if not type(fact).__personal__:  # type: ignore[attr-defined]
        return Said(_write(fact).decode())
    document, personal = fact.split()
    return Said(_write(document).decode(), _write(personal).decode(), tuple(personal))
