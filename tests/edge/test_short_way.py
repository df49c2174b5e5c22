"""A read that goes the short way is answered as on the long one, which it takes where its service is elsewhere."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from tests.asgi import ask
from tests.edge.town import Town
from tests.signing import bearer, token

from stoa.edge.gateway import sessions
from stoa.kit import clock
from stoa.kit.http.app import Api

ANYONES, PUBLIC_ONE, OWN = "/api/v1/cart/0c2ea4f5", "/api/v1/inventory/MUG", "/api/v1/orders"


@pytest.fixture
def town():
    return Town()


@pytest.fixture
def short(town):
    return town.gateway(allowed_origins=("https://shop.example",), trusted_proxies=("192.0.2.7",))


@pytest.fixture
def long(town):
    """The same, with every service behind an app of which nothing is known."""
    gateway = town.gateway(allowed_origins=("https://shop.example",), trusted_proxies=("192.0.2.7",))

    async def elsewhere(scope, receive, send):
        await town.api(scope, receive, send)

    gateway._upstreams |= dict.fromkeys(gateway._upstreams, elsewhere)
    return gateway


@pytest.fixture
def ways(monkeypatch):
    """By which way each request was answered."""
    taken = []

    def noted(name):
        original = getattr(Api, name)

        async def note(self, *args):
            taken.append(name)
            return await original(self, *args)

        monkeypatch.setattr(Api, name, note)

    noted("read")
    noted("answer")
    return taken


def told(reply):
    """Without what is another for each request."""
    body = {**reply.json}
    if isinstance(body.get("headers"), dict):
        body["headers"] = {name: value for name, value in body["headers"].items() if name != "traceparent"}
    headers = {name: value for name, value in reply.headers.items() if name not in {"content-length", "etag"}}
    return reply.status, headers, body


@pytest.mark.parametrize("path", [ANYONES, PUBLIC_ONE, OWN, "/api/cart", "/api/v1/cart/%41"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "ada"},
        {"accept-encoding": "gzip, br"},
        {"origin": "https://shop.example"},
        {"x-forwarded-for": "198.51.100.1", "x-forwarded-proto": "https"},
        {"cookie": "a=b", "x-real-ip": "1.2.3.4", "te": "trailers", "connection": "keep-alive", "x-own": "1"},
        {"if-match": '"1"', "stoa-visitor": "somebody", "idempotency-key": "k", "content-type": "text/plain"},
    ],
)
async def test_it_is_what_the_long_way_answers(short, long, ways, path, method, headers):
    headers = {"x-request-id": "mine", **headers}
    if headers.get("authorization"):
        headers |= bearer(token("ada"))
        # What is known of a token is known after its first request.
        await ask(short, "GET", ANYONES, headers=headers)
    ways.clear()
    found = await ask(short, method, path, headers=headers)
    assert ways == ["read"]
    expected = await ask(long, method, path, headers=headers)
    assert ways == ["read", "answer"]
    if method == "HEAD":
        assert (found.status, found.headers, found.body) == (expected.status, expected.headers, b"")
    else:
        assert told(found) == told(expected)


async def test_a_query_that_cannot_be_is_refused_on_either(short, long, ways):
    for gateway in (short, long):
        reply = await ask(gateway, "GET", PUBLIC_ONE + "?nothing=1")
        assert (reply.status, reply.problem) == (422, "unprocessable nothing")
    assert ways == ["read", "answer"]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/api/v1/cart", {}),
        ("GET", "/api/v1/products/lamp", {}),
        ("GET", ANYONES, {"content-length": "1"}),
        ("GET", ANYONES, {"connection": "x-own", "x-own": "1"}),
        ("GET", ANYONES, {"authorization": "Bearer of.some.kind"}),
        ("GET", ANYONES, {"authorization": "Basic QQ=="}),
        ("GET", "/api/v1/nothing", {}),
        ("GET", "/api/v1/products/lamp/similar", {}),
        ("GET", "/api/v1/cart/" + "a" * 260, {}),
    ],
)
async def test_everything_else_goes_the_long_way(short, ways, method, path, headers):
    await ask(short, method, path, headers=headers)
    assert "read" not in ways


async def test_a_token_is_looked_at_once_by_the_long_way(short, town, ways):
    headers = bearer(token("ada"))
    for _ in range(2):
        assert (await ask(short, "GET", OWN, headers=headers)).json["user_id"] == "ada"
    assert ways == ["answer", "read"]
    assert town.auth.asked == 1


async def test_a_session_that_is_not_known_to_stand_is_asked_about(short, town, ways, monkeypatch):
    headers = bearer(token("ada"))
    for _ in range(2):
        await ask(short, "GET", OWN, headers=headers)
    town.auth.ended.add("session of ada")
    real = sessions.time.monotonic
    monkeypatch.setattr(sessions.time, "monotonic", lambda: real() + 1.01)
    for _ in range(2):
        assert (await ask(short, "GET", OWN, headers=headers)).problem == "session-ended"
    assert ways == ["answer", "read", "answer", "answer"]


async def test_a_token_of_before_a_role_changed_is_not_enough(short, town, ways):
    town.auth.roles_version = 4
    await ask(short, "GET", OWN, headers=bearer(token("ada", entitlements=[], roles_version=4)))
    said = bearer(token("ada", entitlements=[], roles_version=3))
    for _ in range(2):
        assert (await ask(short, "GET", OWN, headers=said)).problem == "expired-token"
    assert ways == ["answer"] * 3


async def test_a_token_that_has_expired_is_known_no_more(short, ways, monkeypatch):
    headers = bearer(token("ada", exp=int(time.time()) + 60))
    for _ in range(2):
        await ask(short, "GET", OWN, headers=headers)
    later = clock.now() + timedelta(seconds=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await ask(short, "GET", OWN, headers=headers)).problem == "expired-token"
    assert ways == ["answer", "read", "answer"]


async def test_it_counts_for_the_limit_of_its_caller(town):
    gateway = town.gateway(requests_per_minute=2)
    statuses = [(await ask(gateway, "GET", ANYONES)).status for _ in range(3)]
    assert statuses == [200, 200, 429]
