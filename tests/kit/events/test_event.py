"""An event passes through as it was written: what an older process wrote and what it reads stays as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from tests.kit.events.system import Placed

from stoa.kit.events import Event, Fact, Said, said_of

DOCUMENT = {
    "id": "0192d3a4-0000-7000-8000-000000000001",
    "type": "order.placed",
    "source": "order",
    "subject": "a",
    "time": "2026-05-01T12:00:00.250000Z",
    "aggregateversion": 3,
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "data": {"n": 1, "note": "ä \" \\ '"},
    "personal": ["note"],
    "specversion": "1.0",
}


class Addressed(Fact, event="order.addressed", personal=("email", "name"), frozen=True, kw_only=True):
    n: int
    email: str
    name: str | None = None


class Clashing(Fact, event="order.said", frozen=True, kw_only=True):
    said: dict[str, str]


class AllPersonal(Fact, event="order.named", personal=("email",), frozen=True, kw_only=True):
    email: str


def test_it_goes_over_a_bus_with_the_same_members_as_ever():
    event = Event.decode(msgspec.json.encode(DOCUMENT))
    assert msgspec.json.decode(event.encode()) == DOCUMENT
    assert list(msgspec.json.decode(event.encode())) == list(DOCUMENT)
    assert (event.time, event.personal) == (datetime(2026, 5, 1, 12, 0, 0, 250000, UTC), ("note",))
    assert event.data == DOCUMENT["data"]
    assert event.read(Placed) == Placed(n=1, note="ä \" \\ '")
    assert msgspec.json.decode(event.json) == event.data


def test_what_is_read_is_the_same_whether_it_came_as_json_or_not():
    plain = {name: value for name, value in DOCUMENT.items() if name not in {"time", "personal"}}
    event = Event(**plain | {"time": datetime(2026, 5, 1, tzinfo=UTC)})
    assert event.read(Placed) == Event.decode(event.encode()).read(Placed)


@pytest.mark.parametrize("data", [b"[]", b"null", b'"{}"', b"1"])
def test_data_is_an_object(data: bytes):
    document = msgspec.json.encode(DOCUMENT | {"data": msgspec.Raw(data)})
    with pytest.raises(ValueError, match="no object"):
        Event.decode(document)


@pytest.mark.parametrize(
    ("fact", "open_", "whole", "names"),
    [
        (Placed(n=1, note="x"), {"n": 1, "note": "x"}, {"n": 1, "note": "x"}, ()),
        (Addressed(n=1, email="a@b"), {"n": 1}, {"n": 1, "email": "a@b", "name": None}, ("email", "name")),
        (Clashing(said={}), {"said": {}}, {"said": {}}, ()),
        (AllPersonal(email="a@b"), {}, {"email": "a@b"}, ("email",)),
    ],
)
def test_what_a_fact_says_with_and_without_what_is_personal(
    fact: Fact, open_: dict[str, object], whole: dict[str, object], names: tuple[str, ...]
):
    said = said_of(fact)
    assert msgspec.json.decode(said.open) == open_
    assert msgspec.json.decode(said.all) == whole
    assert said.names == names


def test_nothing_personal_is_said_where_it_is_forgotten():
    assert Said('{"n":1}', None, ("email",)).all == '{"n":1}'
