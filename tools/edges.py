"""Write docs/who-calls-whom.md from stoa.app, so that a new edge is a line in a diff."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pages import write_or_check

from stoa.app import GATEWAY, OURS, subscribers

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
        "Solid: calls. Dotted: events.",
        "",
        "## Calls",
        "",
    ]
    lines += [f"- {caller.name} → {callee}" for caller in everybody for callee in caller.calls]
    lines += ["", "## Events", "", "| event | announced by | heard by |", "|---|---|---|"]
    for service in OURS:
        for event in service.announces:
            lines.append(f"| `{event}` | {service.name} | {', '.join(subscribers(event)) or 'nobody'} |")
    return "\n".join(lines) + "\n"


def _picture() -> Iterator[str]:
    for caller in (GATEWAY, *OURS):
        for callee in caller.calls:
            yield f"    {caller.name} --> {callee}"
    for service in OURS:
        heard: dict[str, list[str]] = {}
        for event in service.announces:
            for name in subscribers(event):
                heard.setdefault(name, []).append(event.partition(".")[2])
        for name, events in heard.items():
            yield f'    {service.name} -.->|"{", ".join(events)}"| {name}'


if __name__ == "__main__":
    sys.exit(write_or_check("who-calls-whom.md", page()))
