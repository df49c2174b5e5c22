"""Write docs/who-calls-whom.md from stoa.app, so that a new edge is a line in a diff."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pages import write_or_check

from stoa.app import GATEWAY, OURS, followers, subscribers

HEAD = """\
# Who calls whom

Generated from [`src/stoa/app.py`](../src/stoa/app.py) by `make docs`. A channel to a service that is not listed here is
refused at start, an event that is not listed is refused when announced.
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
    lines += ["", "## Events", "", "| event | announced by | heard by |", "|---|---|---|"]
    for service in OURS:
        for event in service.announces:
            lines.append(f"| `{event}` | {service.name} | {', '.join(subscribers(event)) or 'nobody'} |")
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
