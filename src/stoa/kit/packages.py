"""Packages that are installed beside Stoa and join it: each says in an entry point what it brings.

    [project.entry-points."stoa.services"]
    giftwrap = "stoa_giftwrap:SERVICE"

Nothing is loaded but what the entry point names, so that is to import little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from stoa.kit import api
from stoa.kit.permissions import Permissions, WrongPermission
from stoa.kit.problems import with_type
from stoa.kit.service import Service

SERVICES = "stoa.services"
"""The group whose entry points are whole services: each names a `Service`."""

_PREFIX = "stoa."
_NAME = re.compile(r"[a-z][a-z0-9]{1,19}")
_OURS = frozenset(
    {"gateway", "intake", "bus", "stream", "tokens", "probe", "operator", "kit", "shop", "common", "events", "http"}
)
"""What is no service, and called in places where services are by their names."""


class BadPackage(Exception):
    """A package that cannot join: which, and why, in one line."""


def described(found: EntryPoint) -> str:
    """`giftwrap 0.1.0`: the package by its own name and version."""
    return f"{found.dist.name} {found.dist.version}" if found.dist else found.value


def told() -> list[str]:
    """All packages that join, in whatever group, a line for each; nothing is loaded for it."""
    every = entry_points()
    found = {each for group in every.groups if group.startswith(_PREFIX) for each in every.select(group=group)}
    return sorted(f"{described(each)} ({each.group}: {each.name})" for each in found)


def offered(group: str) -> list[EntryPoint]:
    """The entry points of a group; nothing is loaded for it."""
    return sorted(entry_points(group=group), key=lambda each: (each.name, each.value))


def load(found: EntryPoint) -> Any:
    """What it names. Raises `BadPackage` where that fails, in whatever way."""
    try:
        return found.load()
    except Exception as error:
        raise BadPackage(f"{described(found)} cannot be loaded: {found.value}: {with_type(error)}") from error


def is_name(text: str) -> bool:
    """Whether a service from outside may be called so: databases, variables and endpoints are by its name."""
    return _NAME.fullmatch(text) is not None and text not in _OURS


def joined(ours: Sequence[Service]) -> list[Service]:
    """The services that packages bring to ours. Raises `BadPackage` for one that does not fit with the others."""
    services = list(ours)
    for found in offered(SERVICES):
        brought = load(found)
        if not isinstance(brought, Service):
            raise BadPackage(f"{described(found)}: {found.value} is no Service")
        for wrong in _wrong(brought, services):
            raise BadPackage(f"{described(found)}: {wrong}")
        services.append(brought)
    names = {each.name for each in services}
    for service in services:
        for wrong in _without_store(service):
            raise BadPackage(f"service {service.name} {wrong}")
        for unknown in sorted({*service.calls, *filter(None, [service.beside])} - names):
            raise BadPackage(f"service {service.name} needs {unknown}, and there is no such service")
    return services[len(ours) :]


def _wrong(service: Service, others: Sequence[Service]) -> Iterator[str]:
    """Why it cannot stand beside the others."""
    if service.api != api.VERSION:
        yield f"it is written for version {service.api} of stoa.kit.api, and this Stoa has {api.VERSION}"
    if not is_name(service.name):
        yield f"{service.name!r} cannot be the name of a service"
    if service.beside is None:
        yield f"service {service.name} does not say beside whom it runs"
    try:
        Permissions({each.name: each.permissions for each in (*others, service)})
    except WrongPermission as wrong:
        yield str(wrong)
    for other in others:
        if other.name == service.name:
            yield f"there is a service {service.name} already"
        for event_type in sorted({*service.announces} & {*other.announces}):
            yield f"{event_type} is announced by {other.name}"
        taken = {_place(*each) for each in other.endpoints}
        for method, path in service.endpoints:
            if _place(method, path) in taken:
                yield f"{method} {path} is answered by {other.name}"


def _without_store(service: Service) -> Iterator[str]:
    """What it cannot do where it has no database to do it in."""
    for what in ("announces", "hears", "streams", "follows"):
        if service.store is None and getattr(service, what):
            yield f"has no store, and {what} {', '.join(getattr(service, what))}"


def _place(method: str, path: str) -> tuple[str, str]:
    """Where two paths are the same, whatever their parameters are called."""
    return method, re.sub(r"\{\w+(:uuid)?\}", r"{\1}", path)
