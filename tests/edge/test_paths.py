"""Each path leads to one service, by one spelling."""

from __future__ import annotations

import importlib

import pytest

from stoa.app import SERVICES
from stoa.edge.gateway import paths
from stoa.edge.gateway.paths import Paths, Target
from stoa.kit.http.refusals import MethodNotAllowed, NoSuchId, NoSuchPath
from stoa.kit.http.routes import Route
from stoa.kit.service import PublicRead, Service

ID = "0198f3a2-0000-7000-8000-000000000001"
OURS = Paths(SERVICES.values())


@pytest.mark.parametrize(
    ("method", "target", "service"),
    [
        ("POST", "/auth/login", "auth"),
        ("POST", "/users/register", "auth"),
        ("POST", "/users/change-password", "auth"),
        ("GET", "/users/profile", "user"),
        ("PUT", f"/users/addresses/{ID}", "user"),
        ("GET", "/products", "catalog"),
        ("DELETE", "/products/1", "catalog"),
        ("PUT", "/variants/85123A", "catalog"),
        ("GET", "/categories", "catalog"),
        ("GET", "/inventory/85123A", "inventory"),
        ("GET", "/warehouses", "inventory"),
        ("GET", "/stock-discrepancies", "inventory"),
        ("POST", "/cart/me/items", "cart"),
        ("POST", "/orders", "checkout"),
        ("GET", "/orders", "order"),
        ("POST", f"/orders/{ID}/cancel", "order"),
        ("POST", "/checkout/quote", "checkout"),
        ("GET", f"/checkouts/{ID}", "checkout"),
        ("POST", "/payments/webhooks/simulator", "payment"),
        ("GET", "/notifications", "notification"),
    ],
)
def test_the_table(method, target, service):
    for prefix in ("/api/v1", "/api"):
        resource = OURS.find(prefix + target)
        assert resource.target(method).service is SERVICES[service]
        assert resource.raw_path.decode() == f"/api/v1{target}"


@pytest.mark.parametrize("target", ["/find", "/v2", "/openapi.json", "/orders/1", "/users", "/products/1/2/3"])
def test_a_path_that_no_service_declares(target):
    with pytest.raises(NoSuchPath):
        OURS.find(f"/api{target}")


@pytest.mark.parametrize(
    ("target", "field"), [("/product-imports/zzz", "import_id"), ("/stock-subscriptions/xxxx", "token")]
)
def test_an_id_that_is_none_is_told_as_that(target, field):
    with pytest.raises(NoSuchId) as refused:
        OURS.find(f"/api/v1{target}")
    assert (refused.value.status, refused.value.field) == (404, field)


def test_what_two_services_share_allows_what_both_do():
    with pytest.raises(MethodNotAllowed) as refused:
        OURS.find("/api/orders").target("PUT")
    assert refused.value.members["allow"] == ["GET", "HEAD", "POST"]
    with pytest.raises(MethodNotAllowed) as refused:
        OURS.find("/api/users/register").target("GET")
    assert refused.value.members["allow"] == ["POST"]


def test_what_is_below_a_path_may_be_anothers():
    read = PublicRead(path="/products/{product}/similar", changed_by=("product.updated",), keep_seconds=60)
    other = Service(name="similar", paths=("GET /products/{product}/similar",), public=(read,))
    table = Paths((*SERVICES.values(), other))
    assert table.find("/api/products/lamp/similar").target("GET").service is other
    assert table.find("/api/products/lamp/similar").target("GET").public is read
    assert table.find("/api/products/lamp").target("GET").service is SERVICES["catalog"]
    with pytest.raises(ValueError, match="two routes answer GET /products/id"):
        Paths((*SERVICES.values(), Service(name="twin", paths=("GET /products/{id}",))))


def test_what_the_gateway_answers_by_itself_it_answers_whatever_the_token():
    for service in SERVICES.values():
        for route in importlib.import_module(f"{service.package}.routes").routes.bind(None).routes:
            if not route.who.signed_in:
                assert _target_of(route).public is None or route.who.forgiving


@pytest.mark.parametrize("service", SERVICES)
def test_every_declared_route_is_reached(service):
    declared = importlib.import_module(f"{SERVICES[service].package}.routes").routes.bind(None).routes
    assert declared
    assert {(each.method, each.path) for each in declared} == set(SERVICES[service].endpoints)
    for route in declared:
        assert (route.path, _target_of(route).service.name) == (route.path, service)


def _target_of(route: Route) -> Target:
    target = "/".join((ID if each.uuid else "x") if each.parameter else each.text for each in route.segments)
    return OURS.find(f"/api/v1/{target}").target(route.method)


def test_what_is_said_of_paths_is_said_of_declared_ones():
    with pytest.raises(ValueError, match="GET /lists is not among the paths of x"):
        Service(name="x", paths=("POST /lists",), public=(PublicRead(path="/lists", changed_by=()),))
    with pytest.raises(ValueError, match="POST /open is not among the paths of x"):
        Service(name="x", paths=("GET /open",), sign_ins=("/open",))


@pytest.mark.parametrize(
    ("target", "spelled"),
    [
        ("/api/products/%61bc", b"/api/v1/products/abc"),
        ("/api/%70roducts/1", b"/api/v1/products/1"),
        ("/%61pi/v1/products/1", b"/api/v1/products/1"),
        ("/api/inventory/caf%C3%A9", b"/api/v1/inventory/caf%C3%A9"),
        ("/api/inventory/a%20b", b"/api/v1/inventory/a%20b"),
        ("/api/inventory/a%3Fb", b"/api/v1/inventory/a%3Fb"),
    ],
)
def test_there_is_one_spelling(target, spelled):
    assert OURS.find(target).raw_path == spelled


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
        "/api/V1/orders",
        "/api/v1/Orders",
        "/api/v1/v1/orders",
        "/api/v1/orders;x",
    ],
)
def test_a_trick_leads_nowhere(target):
    with pytest.raises(NoSuchPath):
        OURS.find(target)


def test_what_is_public():
    targets = {each: OURS.find(f"/api{each}").target("GET") for each in ("/products", "/products/1", "/categories")}
    assert {path: (each.public.path, each.shows_one) for path, each in targets.items() if each.public} == {
        "/products": ("/products", False),
        "/products/1": ("/products/{product}", True),
        "/categories": ("/categories", False),
    }
    for method, path in (("GET", "/inventory/1"), ("GET", f"/orders/{ID}"), ("PUT", "/products/1")):
        assert OURS.find(f"/api{path}").target(method).public is None


def test_paths_that_somebody_makes_up_are_not_remembered():
    before = OURS._kept.cache_info().currsize
    for number in range(5):
        found = OURS.find("/api/products/" + str(number) * paths.LONGEST_KEPT)
        assert found.raw_path.startswith(b"/api/v1/products/%d" % number)
    assert OURS._kept.cache_info().currsize == before
