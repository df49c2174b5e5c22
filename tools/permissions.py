"""Write docs/permissions.md from stoa.app and the routes: what each permission allows, who has it at first, and which
routes need nobody to be signed in."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator

from pages import write_or_check

from stoa.app import SERVICES
from stoa.kit.http.routes import Route

HEAD = """\
# Permissions

Generated from [`src/stoa/app.py`](../src/stoa/app.py) and the routes by `make docs`. A role is a set of these; `admin`
has all of them, `customer` none. One that ends in `_own` is for what belongs to who holds it. Where no route is named,
an owner's route asks for it once the thing is another's. Admins make roles of their own at `/auth/roles`, and
[ADR 49](adr/0049-what-somebody-may-is-a-permission.md) says when a change counts.

| permission | allows | at first | routes |
|---|---|---|---|
"""

GUESTS = """\
## Without signing in

| route | a token that does not count is |
|---|---|\
"""


def page() -> str:
    lines = []
    for name, service in SERVICES.items():
        routes = _routes(name)
        for each in service.permissions:
            asking = [f"`{route.method} {route.path}`" for route in routes if each.name in route.who.permissions]
            given = ", ".join(("admin", *each.given_to))
            lines.append(f"| `{each.name}` | {each.what} | {given} | {', '.join(asking)} |")
    return HEAD + "\n".join([*lines, "", GUESTS, *_for_guests()]) + "\n"


def _for_guests() -> Iterator[str]:
    for name in SERVICES:
        for route in _routes(name):
            if not route.who.signed_in:
                token = "as if there were none" if route.who.forgiving else "refused"
                yield f"| `{route.method} {route.path}` | {token} |"


def _routes(service: str) -> tuple[Route, ...]:
    where = f"{SERVICES[service].package}.routes"
    if importlib.util.find_spec(where) is None:
        return ()
    return tuple(importlib.import_module(where).routes.bind(None).routes)


if __name__ == "__main__":
    sys.exit(write_or_check("permissions.md", page()))
