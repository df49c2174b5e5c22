"""What the server gets before it does anything else is what the long way answers, and only what is everybody's."""

from __future__ import annotations

import pytest
from tests.asgi import Reply, ask, scope_of
from tests.edge.town import Town, updated

PATH = "/api/v1/products/lamp"


@pytest.fixture
def town():
    town = Town()
    # Long enough to be compressed.
    town.products["lamp"].name = "lamp " * 500
    return town


@pytest.fixture
async def gateway(town):
    gateway = town.gateway()
    await ask(gateway, "GET", PATH)
    return gateway


def at_once(gateway, method="GET", target=PATH, headers=(), scheme="http"):
    """As a reply; None where it is not answered at once."""
    answer = gateway.at_once(scope_of(method, target, list(dict(headers).items()), "192.0.2.7", scheme))
    if answer is None:
        return None
    head, body = answer
    status, *lines = head.decode("latin-1").removesuffix("\r\n").split("\r\n")
    assert status.startswith("HTTP/1.1 ")
    return Reply(int(status.split(" ")[1]), dict(line.split(": ", 1) for line in lines), body)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("coding", ["", "gzip", "br", "gzip;q=0"])
@pytest.mark.parametrize("known", [False, True])
async def test_it_is_what_the_long_way_answers(town, gateway, method, coding, known):
    headers = {"x-request-id": "mine"} | ({"accept-encoding": coding} if coding else {})
    if known:
        headers["if-none-match"] = (await ask(gateway, "GET", PATH, headers=headers)).headers["etag"]
    reads = town.reads
    found = at_once(gateway, method, headers=headers)
    assert found == await ask(gateway, method, PATH, headers=headers)
    assert found.status == (304 if known else 200)
    assert bool(found.body) == (method == "GET" and not known)
    assert found.headers["x-request-id"] == "mine"
    assert town.reads == reads


async def test_without_the_version_it_is_the_same(gateway):
    assert at_once(gateway, target="/api/products/lamp").body == at_once(gateway).body


async def test_each_has_an_id_of_its_own(gateway):
    ids = {at_once(gateway, headers={"x-request-id": one}).headers["x-request-id"] for one in ("a b", "", "é")}
    assert len(ids) == 3
    assert not ids & {"a b", "", "é"}


@pytest.mark.parametrize(
    "asked",
    [
        {"headers": {"authorization": "Bearer whoever"}},
        {"headers": {"origin": "https://shop.example"}},
        {"headers": {"x-forwarded-proto": "https"}},
        {"scheme": "https"},
        {"method": "POST"},
        {"method": "OPTIONS"},
        {"target": "/api/v1/products/vase"},
        {"target": "/products/lamp"},
        {"target": PATH + "?limit=1"},
    ],
)
async def test_everything_else_goes_the_long_way(gateway, asked):
    assert at_once(gateway) is not None
    assert at_once(gateway, **asked) is None


async def test_after_a_change_the_service_is_asked(gateway):
    assert at_once(gateway) is not None
    await gateway.accept([updated("lamp")])
    assert at_once(gateway) is None


async def test_it_counts_for_the_limit_of_an_address(town):
    gateway = town.gateway(requests_per_minute=1)
    await ask(gateway, "GET", PATH)
    answered = sum(at_once(gateway) is not None for _ in range(30))
    assert answered == 19
    assert (await ask(gateway, "GET", PATH)).problem == "rate-limited"
