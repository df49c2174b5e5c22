"""Write the end of docs/services/<name>.md: what a service owns, its routes, events and settings, out of the code.

What stands above it is written by people, and stays.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from edges import cell, facts_of
from pages import ROOT, write_or_check_all
from settings import default_of

from stoa.app import GATEWAY, OURS, subscribers
from stoa.cli.routes import routes_of
from stoa.cli.variables import sections
from stoa.kit.http.routes import Route
from stoa.kit.service import Service, folder_of

HEADING = "\n## Reference\n"
HEAD = "Generated from the code by `make docs`."
MESSAGES = "An event's data, and what each hearer does: [who calls whom](../who-calls-whom.md#events)."


def page(service: Service) -> str:
    file = ROOT / "docs" / "services" / f"{service.name}.md"
    written = file.read_text().partition(HEADING)[0] if file.exists() else f"# {service.name.capitalize()}\n"
    parts = (HEAD, _owned(service), *_routes(service), *_neighbors(service), *_events(service), *_settings(service))
    return written + HEADING + "\n" + "\n\n".join(parts) + "\n"


def _owned(service: Service) -> str:
    """What its package says of itself, but for the first line, which the page has in its own words."""
    said = ast.get_docstring(ast.parse((folder_of(service) / "__init__.py").read_text())) or ""
    return "### What it owns, and what always holds\n\n" + said.partition("\n\n")[2]


def _routes(service: Service) -> Iterator[str]:
    if service.paths:
        rows = [f"| `{each.method} {_path(each)}` | {each.summary} | {_who(each)} |" for each in routes_of(service)]
        yield "### Routes"
        yield "\n".join(("| route | does | for |", "|---|---|---|", *rows))


def _path(route: Route) -> str:
    return route.path.replace(":uuid}", "}")


def _who(route: Route) -> str:
    return " or ".join(f"`{each}`" for each in sorted(route.who.permissions)) or route.who.name


def _neighbors(service: Service) -> Iterator[str]:
    callers = [one.name for one in (GATEWAY, *OURS) if service.name in one.calls]
    called = f"It calls {', '.join(service.calls) or 'nobody'}"
    yield f"### Calls\n\n{called}, and is called by {', '.join(callers) or 'nobody'}."


def _events(service: Service) -> Iterator[str]:
    if service.announces or service.hears:
        yield "### Events"
    facts = {fact.event_type(): fact for fact in facts_of(service)}
    if service.announces:
        rows = [
            f"| `{event}` | {cell(facts[event].__doc__)} | {', '.join(subscribers(event)) or 'nobody'} |"
            for event in service.announces
        ]
        yield "\n".join(("| announced | when | heard by |", "|---|---|---|", *rows))
    if service.hears:
        rows = [f"| `{event}` | {one.name} |" for one in OURS for event in one.announces if event in service.hears]
        yield "\n".join(("| heard | of |", "|---|---|", *rows))
    if service.announces or service.hears:
        yield MESSAGES


def _settings(service: Service) -> Iterator[str]:
    settings = dict(sections({service.name: service}))[service.name]
    if settings:
        rows = [f"| `{each.variable}` | {default_of(each)} |" for each in settings]
        yield f"### Settings\n\nThe reasons: [settings](../settings.md#{service.name})."
        yield "\n".join(("| variable | default |", "|---|---|", *rows))


if __name__ == "__main__":
    sys.exit(write_or_check_all({f"services/{one.name}.md": page(one) for one in OURS}))
