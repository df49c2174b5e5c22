"""docs/events.md says what the kit does, and each type of event is a fact that says when it is announced."""

from __future__ import annotations

import importlib
import re

import msgspec
from docs.pages import ROOT, table

from stoa.app import SERVICES
from stoa.kit import inbox, inbox_repository, outbox
from stoa.kit.events import Envelope, Fact

EVENTS = ROOT / "docs" / "events.md"


def test_every_type_is_a_fact_that_says_when_it_is():
    for service in SERVICES.values():
        if service.announces:
            importlib.import_module(f"{service.package}.events")
    facts = {fact.event_type(): fact for fact in Fact.__subclasses__() if fact.__module__.startswith("stoa.services.")}
    assert facts.keys() == {kind for service in SERVICES.values() for kind in service.announces}
    assert [kind for kind, fact in facts.items() if not fact.__doc__] == []


def test_the_envelope():
    shown = [row[0] for row in table(EVENTS, "| member | meaning |")]
    assert shown == [field.name for field in msgspec.structs.fields(Envelope)]


def test_the_figures():
    text = " ".join(EVENTS.read_text().split())
    assert f"failed {inbox.MOST_ATTEMPTS} times" in text
    assert f"after {inbox.MOST_ATTEMPTS} attempts" in text
    assert f"up to {inbox_repository.BATCH} in one transaction" in text
    assert inbox_repository.KEPT == outbox.KEPT
    assert re.search(rf"Both logs go back {inbox_repository.KEPT.days} days", text)
