"""Each path leads to one service, by one spelling."""

from __future__ import annotations

import importlib

import pytest

from stoa.app import SERVICES
from stoa.edge.gateway import paths
from stoa.edge.gateway.paths import resource_of


@pytest.mark.parametrize(
    ("method", "target", "service"),
    [
        ("POST", "/auth/login", "auth"),
        ("POST", "/users/register", "auth"),
        ("POST", "/users/change-password", "auth"),
        ("GET", "/users/register", "user"),
        ("GET", "/users/profile", "user"),
        ("PUT", "/users/addresses/1", "user"),
        ("GET", "/products", "catalog"),
        ("DELETE", "/products/1", "catalog"),
        ("PUT", "/variants/85123A", "catalog"),
        ("GET", "/categories", "catalog"),
        ("GET", "/inventory/85123A", "inventory"),
        ("GET", "/warehouses", "inventory"),
        ("GET", "/reservations/1", "inventory"),
        ("POST", "/cart/me/items", "cart"),
        ("POST", "/orders", "checkout"),
        ("GET", "/orders", "order"),
        ("POST", "/orders/1/cancel", "order"),
        ("POST", "/checkout/quote", "checkout"),
        ("GET", "/checkouts/1", "checkout"),
        ("POST", "/payments/webhooks/simulator", "payment"),
        ("GET", "/notifications", "notification"),
        ("GET", "/search", None),
        ("GET", "/v2", None),
        ("GET", "/openapi.json", None),
    ],
)
def test_the_table(method, target, service):
    for prefix in ("/api/v1", "/api"):
        resource = resource_of(prefix + target)
        assert resource is not None
        assert resource.service(method) == service
        assert resource.raw_path.decode() == f"/api/v1{target}"


WHO_KNOWS_NOBODY = {
    "POST /auth/register",
    "POST /users/register",
    "POST /auth/login",
    "POST /auth/refresh",
    "POST /auth/logout",
    "POST /auth/validate",
    "GET /products",
    "GET /products/{product}",
    "GET /categories",
    "GET /inventory/{sku}",
    "POST /payments/webhooks/simulator",
}
"""A token that is not good counts as none here."""

GUESTS_FOR_THEMSELVES = {
    "POST /cart",
    "GET /cart/{ref}",
    "DELETE /cart/{ref}",
    "POST /cart/{ref}/items",
    "PUT /cart/{ref}/items",
    "PUT /cart/{ref}/items/{sku}",
    "DELETE /cart/{ref}/items/{sku}",
    "POST /checkout/quote",
    "POST /orders",
}
"""Here it is 401: nobody becomes a guest unawares."""


def test_every_route_for_guests_says_whether_a_token_matters():
    forgiving, strict = set(), set()
    for service in SERVICES.values():
        for route in importlib.import_module(f"{service.package}.routes").routes.bind(None).routes:
            if not route.who.signed_in:
                (forgiving if route.who.forgiving else strict).add(f"{route.method} {route.path}")
            target = "/".join("x" if segment.parameter else segment.text for segment in route.segments)
            resource = resource_of(f"/api/v1/{target}")
            # What the gateway answers out of its memory it answers whatever the token.
            assert route.method != "GET" or resource is None or not resource.public or route.who.forgiving
    assert (forgiving, strict) == (WHO_KNOWS_NOBODY, GUESTS_FOR_THEMSELVES)


@pytest.mark.parametrize("service", SERVICES)
def test_every_declared_route_is_reached(service):
    declared = importlib.import_module(f"{SERVICES[service].package}.routes").routes.bind(None).routes
    assert declared
    for route in declared:
        target = "/".join("x" if segment.parameter else segment.text for segment in route.segments)
        resource = resource_of(f"/api/v1/{target}")
        assert resource is not None
        assert (route.method, route.path, resource.service(route.method)) == (route.method, route.path, service)


@pytest.mark.parametrize(
    ("target", "spelled"),
    [
        ("/api/orders/%61bc", b"/api/v1/orders/abc"),
        ("/api/%6frders/1", b"/api/v1/orders/1"),
        ("/%61pi/v1/orders/1", b"/api/v1/orders/1"),
        ("/api/inventory/caf%C3%A9", b"/api/v1/inventory/caf%C3%A9"),
        ("/api/inventory/a%20b", b"/api/v1/inventory/a%20b"),
        ("/api/inventory/a%3Fb", b"/api/v1/inventory/a%3Fb"),
    ],
)
def test_there_is_one_spelling(target, spelled):
    resource = resource_of(target)
    assert resource is not None
    assert resource.raw_path == spelled


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "",
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "//api/v1/orders",
        "/api//v1/orders",
        "/api/v1//orders",
        "/api/v1/orders/",
        "/api/v1/orders//1",
        "/api/v1/./orders",
        "/api/v1/products/../orders",
        "/api/v1/products/%2e%2e/orders",
        "/api/v1/products/%2E./orders",
        "/api/v1/products/..%2forders",
        "/api/v1/products%2f..%2forders",
        "/api/v1/products/a%5cb",
        "/api/v1/orders%00",
        "/api/v1/orders%0a",
        "/api/v1/orders/%ff",
        "/Api/v1/orders",
        "/API/V1/ORDERS",
        "/apiv1/orders",
        "/admin",
        "/internal/orders",
        "/healthz",
    ],
)
def test_a_trick_leads_nowhere(target):
    assert resource_of(target) is None


@pytest.mark.parametrize("target", ["/api/V1/orders", "/api/v1/Orders", "/api/v1/v1/orders", "/api/v1/orders;x"])
def test_another_name_has_no_service(target):
    resource = resource_of(target)
    assert resource is not None
    assert resource.service("GET") is None


def test_what_is_public():
    public = {
        target: resource_of(f"/api{target}").public  # type: ignore[union-attr]
        for target in ("/products", "/products/1", "/products/1/similar", "/categories", "/cart", "/orders/1")
    }
    assert [target for target, yes in public.items() if yes] == ["/products", "/products/1", "/categories"]


def test_paths_that_somebody_makes_up_are_not_remembered():
    before = paths._kept.cache_info().currsize
    for number in range(5):
        target = f"/api/orders/{number}" + "/x" * paths.LONGEST_KEPT
        found = resource_of(target)
        assert found is not None
        assert found.segments[:2] == ("orders", str(number))
    assert paths._kept.cache_info().currsize == before
