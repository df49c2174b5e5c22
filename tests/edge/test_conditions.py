"""Every mutation of every service looks at `If-Match` or refuses it: none passes it over."""

from __future__ import annotations

import importlib
import inspect

import pytest
from tests.asgi import ask
from tests.signing import bearer, jwks, token

from stoa.app import PERMISSIONS, SERVICES
from stoa.kit.http.app import build
from stoa.kit.http.routes import BoundRoutes, Route
from stoa.kit.tokens import Verifier

ID = "0198f3a2-0000-7000-8000-000000000001"


async def keys() -> str:
    return jwks("first")


def bound(service: str) -> BoundRoutes:
    routes = importlib.import_module(f"{SERVICES[service].package}.routes").routes
    # No act is reached: a handler that ran would fail for want of its service.
    bound: BoundRoutes = routes.bind(None)
    return bound


MUTATIONS = [
    pytest.param(route, id=f"{route.method} {route.path}")
    for service in SERVICES
    for route in bound(service).routes
    if route.idempotency is not None
]


@pytest.mark.parametrize("route", MUTATIONS)
async def test_a_condition_is_given_to_the_act_or_refused(route: Route):
    source = inspect.getsource(route.handler)
    assert ("request.if_match" in source) == route.versioned
    if route.versioned:
        return
    app = build([bound(route.service)], verifier=Verifier(keys, PERMISSIONS))
    path = "/".join(ID if each.parameter else each.text for each in route.segments)
    headers = {"idempotency-key": "k", **bearer(token(roles=("admin", "seller", "customer")))}
    for sent in ("*", '"1"'):
        reply = await ask(app, route.method, f"/api/v1/{path}", headers={**headers, "if-match": sent})
        assert (reply.status, reply.problem) == (412, "nothing-to-match If-Match")


def test_what_people_edit_has_versions():
    edited = {(each.method, each.path) for service in SERVICES for each in bound(service).routes if each.versioned}
    assert edited >= {
        ("PUT", "/users/profile"),
        ("PATCH", "/users/profile"),
        ("PUT", "/users/addresses/{address_id:uuid}"),
        ("DELETE", "/users/addresses/{address_id:uuid}"),
        ("PUT", "/users/preferences"),
        ("PUT", "/auth/users/{user_id:uuid}/roles"),
        ("PUT", "/products/{product}"),
        ("PATCH", "/products/{product}"),
        ("PUT", "/inventory/{sku}"),
        ("PUT", "/cart/{ref}/items"),
        ("DELETE", "/cart/{ref}/items/{sku}"),
        ("POST", "/orders/{order_id:uuid}/cancel"),
        ("POST", "/orders/{order_id:uuid}/ship"),
    }
