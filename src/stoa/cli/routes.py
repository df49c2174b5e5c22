"""List the REST API: method, path, who may, the service that answers, and what a repeat with an Idempotency-Key does.

Read from the declarations: no shop need be there.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from collections.abc import Iterator

from rich.markup import escape

from stoa.app import SERVICES
from stoa.cli.console import Console
from stoa.kit.http.routes import Route, Routes
from stoa.kit.nearest import choose
from stoa.kit.service import Service
from stoa.runtime.failure import Failure

HEAD = ("method", "path", "who", "service", "repeat")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", nargs="?", help="only those of this one; default: all")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    asked = arguments.service
    if asked is not None and asked not in SERVICES:
        raise Failure(f"there is no service {asked!r}", choose(asked, SERVICES))
    services = [service for name, service in SERVICES.items() if asked in {None, name}]
    routes = [route for service in services for route in routes_of(service)]
    lines = [HEAD, *(_line(each) for each in sorted(routes, key=lambda each: (each.path, each.method)))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    for line in lines:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        console.say(escape(text))


def routes_of(service: Service) -> Iterator[Route]:
    """What the service's `routes.py` declares; nothing where it has none."""
    name = f"{service.package}.routes"
    if importlib.util.find_spec(name) is not None:
        declared: Routes[None] = importlib.import_module(name).routes
        yield from declared.bind(None).routes


def _line(route: Route) -> tuple[str, ...]:
    repeat = route.idempotency.value if route.idempotency else "a read"
    return (route.method, route.path, route.who.name, route.service, repeat)
