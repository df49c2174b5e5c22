"""Who may call what: every route of every service, asked by everybody there is."""

from __future__ import annotations

import importlib
import importlib.resources
import re
from dataclasses import replace
from pathlib import Path

import pytest

from stoa.app import PERMISSIONS, SERVICES
from stoa.kit.http.routes import BoundRoutes, Route
from stoa.kit.permissions import Permission, Permissions, WrongPermission
from stoa.runtime.hosted import check_permissions
from stoa.testing import Rest, User, new_user, who_may


def bound(service: str) -> BoundRoutes | None:
    """A service's routes without the service: what a handler then does is a fault, and that somebody was let in."""
    try:
        module = importlib.import_module(f"stoa.services.{service}.routes")
    except ModuleNotFoundError:
        return None
    routes: BoundRoutes = module.routes.bind(None)
    return routes


ROUTES = [route for name in SERVICES if (routes := bound(name)) for route in routes.routes]
GUEST, CUSTOMER, SELLER, ADMIN = None, new_user("customer"), new_user("seller"), new_user("admin")


def path_of(route: Route) -> str:
    return re.sub(r"\{[a-z_]+(:uuid)?\}", "00000000-0000-7000-8000-000000000000", route.path)


@pytest.fixture(scope="module")
def rest() -> dict[str, Rest]:
    """By service. Nobody sends a key, so nothing needs a database."""
    return {name: Rest(routes, None) for name in SERVICES if (routes := bound(name))}  # type: ignore[arg-type]


def expected(route: Route, user: User | None) -> set[int] | None:
    """The refusals that it may get; None where it must be let in."""
    if not route.who.signed_in:
        return None
    if user is None:
        return {401}
    if not route.who.permissions:
        return None
    held = PERMISSIONS.of_roles(user.roles) | user.permissions
    return None if "*" in held or held & route.who.permissions else {403}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_route_admits_whom_it_declares_and_nobody_else(rest: dict[str, Rest], route: Route) -> None:
    others = set(PERMISSIONS.by_name) - route.who.permissions
    callers = [GUEST, CUSTOMER, SELLER, ADMIN, who_may(), who_may(*others)]
    callers += [who_may(permission) for permission in sorted(route.who.permissions)]
    for caller in callers:
        status = (await rest[route.service].send(route.method, path_of(route), {"no": "such"}, user=caller)).status
        refusals = expected(route, caller)
        if refusals is None:
            assert status not in {401, 403} or route.path == "/auth/logout", (caller, status)
        else:
            assert {status} == refusals, caller


NAME = re.compile(r'"([a-z]+\.[a-z_]+\.[a-z_]+)"')


def test_every_permission_is_asked_for_by_its_service_and_none_that_is_not_declared() -> None:
    """By a route, or by an act that both the owner and who may do it to all can reach: that names it in full."""
    for name, service in SERVICES.items():
        written = {
            each
            for file in Path(str(importlib.resources.files(service.package))).rglob("*.py")
            for each in NAME.findall(file.read_text())
            if each.partition(".")[0] in SERVICES
        }
        by_routes = {each for route in ROUTES if route.service == name for each in route.who.permissions}
        assert written | by_routes == {each.name for each in service.permissions}, name


def test_a_route_that_asks_for_what_its_service_did_not_declare_is_refused_at_the_start() -> None:
    silent = replace(SERVICES["notification"], permissions=())
    routes = bound("notification")
    assert routes is not None
    with pytest.raises(WrongPermission, match=r"GET /notifications asks for \['notification\.mails\.read'\]"):
        check_permissions(silent, routes)


@pytest.mark.parametrize(
    ("permission", "said"),
    [
        (Permission("gift.edit", ""), "'gift.edit' is no name"),
        (Permission("gift.wraps.Edit", ""), "'gift.wraps.Edit' is no name"),
        (Permission("order.wraps.edit", ""), "gift declares order.wraps.edit, which does not begin with its own name"),
        (Permission("gift.wraps.edit", "", given_to=("clerk",)), "gift.wraps.edit is given to 'clerk'"),
        (Permission(f"gift.wraps.{'x' * 60}", ""), "is no name"),
    ],
)
def test_a_permission_that_cannot_be_one(permission: Permission, said: str) -> None:
    with pytest.raises(WrongPermission, match=re.escape(said)):
        Permissions({"gift": (permission,)})


def test_a_permission_that_is_declared_twice_and_too_many_of_them() -> None:
    one = Permission("gift.wraps.edit", "")
    with pytest.raises(WrongPermission, match=re.escape("declares gift.wraps.edit twice")):
        Permissions({"gift": (one, one)})
    many = [Permission(f"gift.wraps.edit_{n:040}", "") for n in range(80)]
    with pytest.raises(WrongPermission, match="more than 4000 characters together"):
        Permissions({"gift": many})
