"""docs/events.md says what stoa.app and the services' events.py say."""

from __future__ import annotations

import importlib
import re

import msgspec
from docs.pages import ROOT, table

from stoa.app import GATEWAY, SERVICES, subscribers
from stoa.kit import inbox, outbox
from stoa.kit.events import Event, Fact

EVENTS = ROOT / "docs" / "events.md"
TYPES = table(EVENTS, "| type | announced by | when | data | heard by |")


def facts() -> dict[str, type[Fact]]:
    for service in SERVICES.values():
        if service.announces:
            importlib.import_module(f"{service.package}.events")
    return {fact.event_type(): fact for fact in Fact.__subclasses__() if fact.__module__.startswith("stoa.services.")}


def test_every_type_with_its_announcer_and_hearers():
    shown = [(kind, announcer, tuple(filter(None, hearers.split(", ")))) for kind, announcer, _, _, hearers in TYPES]
    assert shown == [
        (kind, service.name, subscribers(kind)) for service in SERVICES.values() for kind in service.announces
    ]
    assert facts().keys() == {kind for kind, *_ in shown}


def test_every_member_of_the_data():
    for kind, _, _, data, _ in TYPES:
        assert data == _members(facts()[kind]), kind


def _members(shape: type[msgspec.Struct]) -> str:
    return ", ".join(_member(field) for field in msgspec.inspect.type_info(shape).fields)  # type: ignore[union-attr]


def _member(field: msgspec.inspect.Field) -> str:
    kind = field.type
    if isinstance(kind, msgspec.inspect.UnionType):
        return f"{field.name}?"
    if isinstance(kind, msgspec.inspect.CollectionType) and isinstance(kind.item_type, msgspec.inspect.StructType):
        return f"{field.name}: [{{{_members(kind.item_type.cls)}}}]"
    return field.name


def test_what_each_hearer_does():
    shown = {
        (hearer, kind)
        for hearer, kinds, _ in table(EVENTS, "| hearer | event | effect |")
        for kind in kinds.split(", ")
    }
    assert shown == {(one.name, kind) for one in (*SERVICES.values(), GATEWAY) for kind in one.hears}


def test_the_envelope():
    shown = [row[0] for row in table(EVENTS, "| member | meaning |")]
    assert shown == [field.name for field in msgspec.structs.fields(Event)]


def test_the_figures():
    text = " ".join(EVENTS.read_text().split())
    assert f"failed {inbox.MOST_ATTEMPTS} times" in text
    assert f"after {inbox.MOST_ATTEMPTS} attempts" in text
    assert f"up to {inbox.BATCH} in one transaction" in text
    assert inbox.KEPT == outbox.KEPT
    assert re.search(rf"Both logs go back {inbox.KEPT.days} days", text)
