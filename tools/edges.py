"""Write docs/who-calls-whom.md from stoa.app and the services' events.py, so that a new edge is a line in a diff."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator

import msgspec
from pages import write_or_check

from stoa.app import GATEWAY, OURS, followers, subscribers
from stoa.kit.events import Fact
from stoa.kit.service import Service, folder_of

HEAD = """\
# Who calls whom

Generated from [`src/stoa/app.py`](../src/stoa/app.py) and each service's `events.py` and `handlers.py` by `make docs`.
What an event is, and how it comes to who hears it: [events](events.md). A channel to a service that is not listed here
is refused at start, an event that is not listed is refused when announced.
"""

EVENTS = """\
What stands with a `?` may be null; what is personal goes [to few](events.md#what-is-personal).

| event | announced by | when | data | of it personal | heard by |
|---|---|---|---|---|---|\
"""


def page() -> str:
    everybody = (GATEWAY, *OURS)
    lines = [
        HEAD,
        "```mermaid",
        "flowchart LR",
        *_picture(),
        "```",
        "",
        "Solid: calls. Dotted: events, by their family (the table has each), and topics of behavior events.",
        "",
        "## Calls",
        "",
    ]
    lines += [f"- {caller.name} → {callee}" for caller in everybody for callee in caller.calls]
    lines += ["", "## Events", "", EVENTS]
    facts = {fact.event_type(): fact for service in OURS for fact in facts_of(service)}
    for service in OURS:
        for event in service.announces:
            fact, heard = facts[event], ", ".join(subscribers(event)) or "nobody"
            personal = ", ".join(f"`{name}`" for name in fact.__personal__)  # type: ignore[attr-defined]
            cells = (f"`{event}`", service.name, cell(fact.__doc__), f"`{_members(fact)}`", personal, heard)
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## What each hearer does", "", "| hearer | hears | and then |", "|---|---|---|"]
    for service in OURS:
        if service.hears:
            said = ast.get_docstring(ast.parse((folder_of(service) / "handlers.py").read_text()))
            heard = ", ".join(f"`{each}`" for each in service.hears)
            lines.append(f"| {service.name} | {heard} | {cell(said)} |")
    heard = ", ".join(f"`{each}`" for each in GATEWAY.hears)
    lines.append(f"| {GATEWAY.name} | {heard} | Drops the stored answers that these change (`public` of a service). |")
    lines += ["", "## Behavior events", "", *_behavior()]
    return "\n".join(lines) + "\n"


def _behavior() -> list[str]:
    """Who writes to which topic, and who follows it (`docs/events.md`)."""
    rows = [
        f"| `{topic}` | {service.name} | {', '.join(followers(topic)) or 'nobody'} |"
        for service in OURS
        for topic in service.streams
    ]
    return ["| topic | written by | followed by |", "|---|---|---|", *rows] if rows else ["None yet."]


def facts_of(service: Service) -> Iterator[type[Fact]]:
    """What its `events.py` declares."""
    if service.announces:
        module = importlib.import_module(f"{service.package}.events")
        yield from (each for each in Fact.__subclasses__() if each.__module__ == module.__name__)


def cell(text: str | None) -> str:
    """A docstring as a cell of a table."""
    return " ".join((text or "").split()).replace("|", "\\|")


def _members(shape: type[msgspec.Struct]) -> str:
    kind = msgspec.inspect.type_info(shape)
    assert isinstance(kind, msgspec.inspect.StructType)
    return ", ".join(map(_member, kind.fields))


def _member(field: msgspec.inspect.Field) -> str:
    kind = field.type
    if isinstance(kind, msgspec.inspect.UnionType):
        return f"{field.name}?"
    if isinstance(kind, msgspec.inspect.CollectionType) and isinstance(kind.item_type, msgspec.inspect.StructType):
        return f"{field.name}: [{{{_members(kind.item_type.cls)}}}]"
    return field.name


def _picture() -> Iterator[str]:
    for caller in (GATEWAY, *OURS):
        for callee in caller.calls:
            yield f"    {caller.name} --> {callee}"
    for service in OURS:
        heard: dict[str, list[str]] = {}
        for event in service.announces:
            for name in subscribers(event):
                heard.setdefault(name, []).append(f"{event.partition('.')[0]}.*")
        for name, families in heard.items():
            yield f'    {service.name} -.->|"{", ".join(dict.fromkeys(families))}"| {name}'
        for topic in service.streams:
            for name in followers(topic):
                yield f'    {service.name} -.->|"{topic}"| {name}'


if __name__ == "__main__":
    sys.exit(write_or_check("who-calls-whom.md", page()))
