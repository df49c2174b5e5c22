"""What every request meets at the door, whatever it wants behind it."""

from __future__ import annotations

import asyncio
import logging

import pytest
from tests.asgi import ask
from tests.edge.town import Town
from tests.signing import bearer, claims_of, jwks, token

from stoa.edge.gateway import sessions
from stoa.kit import problems
from stoa.kit.settings import BadSetting
from stoa.kit.telemetry.logs import Json


@pytest.fixture
def town():
    return Town()


@pytest.fixture
def gateway(town):
    return town.gateway()


# Where it leads


@pytest.mark.parametrize(
    ("method", "target", "answered"),
    [
        ("GET", "/api/v1/orders", "order GET"),
        ("POST", "/api/v1/orders", "checkout POST"),
        ("POST", "/api/orders/1/cancel", "order POST"),
        ("POST", "/api/users/register", "auth POST"),
        ("GET", "/api/users/profile", "user GET"),
        ("GET", "/api/inventory/85123A", "inventory GET"),
    ],
)
async def test_each_path_has_its_service(method, target, answered):
    # Services that live apart have apps of their own, and what they share by path is told apart by the method.
    town = Town()
    apart = {service: town.api_of(service) for service in ("auth", "user", "inventory", "checkout", "order")}
    gateway = town.gateway()
    gateway._upstreams |= apart
    reply = await ask(gateway, method, target)
    assert (reply.status, reply.json["method"]) == (200, answered)


@pytest.mark.parametrize(
    "target", ["/api/v1/nothing", "/nothing", "/api/v1/notifications", "/api/v1/orders/", "/api/v1//orders"]
)
async def test_what_nobody_answers_is_404(gateway, target):
    reply = await ask(gateway, "GET", target)
    assert (reply.status, reply.problem) == (404, "no-such-path")


async def test_methods(gateway):
    assert (await ask(gateway, "PATCH", "/api/v1/cart")).headers["allow"] == "GET, HEAD, POST"
    assert (await ask(gateway, "HEAD", "/api/v1/cart")).body == b""
    for method in ("TRACE", "CONNECT", "PROPFIND", "get", "BREW"):
        assert (await ask(gateway, method, "/api/v1/cart")).problem == "method-not-allowed"
    assert (await ask(gateway, "POST", "/")).status == 405


# What all answers share


async def test_every_answer_has_an_id_and_the_security_headers(gateway):
    seen = set()
    for method, target in [
        ("GET", "/"),
        ("GET", "/api/docs"),
        ("GET", "/api/v1/products"),
        ("GET", "/api/v1/products"),
        ("GET", "/api/v1/cart"),
        ("POST", "/api/v1/cart"),
        ("GET", "/nothing"),
        ("BREW", "/"),
    ]:
        reply = await ask(gateway, method, target)
        seen.add(reply.headers["x-request-id"])
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert "strict-transport-security" not in reply.headers
        assert "access-control-allow-origin" not in reply.headers
    assert len(seen) == 8


async def test_the_callers_id_and_trace_go_through(gateway):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for target in ("/api/v1/cart", "/api/v1/products", "/api/v1/products"):
        reply = await ask(gateway, "GET", target, headers={"x-request-id": "mine-1", "traceparent": parent})
        assert reply.headers["x-request-id"] == "mine-1"
    reply = await ask(gateway, "GET", "/api/v1/cart", headers={"x-request-id": "mine-1", "traceparent": parent})
    assert reply.json["headers"]["x-request-id"] == "mine-1"
    assert reply.json["headers"]["traceparent"].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    for bad in ("a b", "x" * 200, ""):
        for target in ("/api/v1/cart", "/api/v1/products"):
            assert (await ask(gateway, "GET", target, headers={"x-request-id": bad})).headers["x-request-id"] != bad


async def test_hsts_only_over_https(town):
    gateway = town.gateway(trusted_proxies=("10.0.0.0/8",))
    for target in ("/", "/api/v1/products", "/api/v1/products", "/api/v1/cart"):
        direct = await ask(gateway, "GET", target, scheme="https")
        assert direct.headers["strict-transport-security"] == "max-age=31536000"
        proxied = await ask(gateway, "GET", target, headers={"x-forwarded-proto": "https"}, client="10.0.0.1")
        assert "strict-transport-security" in proxied.headers
        claimed = await ask(gateway, "GET", target, headers={"x-forwarded-proto": "https"})
        assert "strict-transport-security" not in claimed.headers


# CORS


async def test_other_origins_may_nothing_unless_they_are_named(gateway, town):
    evil = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in (await ask(gateway, "OPTIONS", "/api/v1/cart", headers=evil)).headers
    named = town.gateway(allowed_origins=("https://shop.example",))
    for origin in ("https://evil.example", "https://shop.example.evil.example", "null", "http://shop.example"):
        reply = await ask(named, "GET", "/api/v1/products", headers={"origin": origin})
        assert "access-control-allow-origin" not in reply.headers
        assert reply.headers["vary"] == "Origin"


async def test_a_named_origin_may_read_and_ask_beforehand(town):
    gateway = town.gateway(allowed_origins=("https://shop.example/",))
    shop = {"origin": "https://shop.example"}
    for target in ("/api/v1/products", "/api/v1/products", "/api/v1/cart", "/nothing"):
        reply = await ask(gateway, "GET", target, headers=shop)
        assert reply.headers["access-control-allow-origin"] == "https://shop.example"
        assert "X-Request-Id" in reply.headers["access-control-expose-headers"]
    assert (await ask(gateway, "GET", "/api/v1/products")).headers["vary"] == "Origin"
    before = {**shop, "access-control-request-method": "PUT", "access-control-request-headers": "authorization"}
    reply = await ask(gateway, "OPTIONS", "/api/v1/cart", headers=before)
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (204, "https://shop.example")
    assert "PUT" in reply.headers["access-control-allow-methods"]
    assert "Authorization" in reply.headers["access-control-allow-headers"]
    for name in ("If-Match", "Idempotency-Key", "Stoa-Visitor", "Traceparent"):
        assert name in reply.headers["access-control-allow-headers"]
    # They open nothing: who calls says so in a header.
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert (reply.headers["vary"], reply.headers["access-control-max-age"]) == ("Origin", "600")
    read = await ask(gateway, "GET", "/api/v1/cart", headers=shop)
    assert (read.headers["vary"], read.headers["timing-allow-origin"]) == ("Origin", "https://shop.example")
    assert read.headers["access-control-expose-headers"].split(", ") == [
        "Allow",
        "ETag",
        "Idempotent-Replay",
        "Location",
        "Retry-After",
        "Stoa-Visitor",
        "WWW-Authenticate",
        "X-Request-Id",
    ]


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "",
        "shop.example",
        "https://",
        "https://*.shop.example",
        "https://shop.example/path",
        "https://shop.example//",
        "https://shop.example?x",
        "https://ada@shop.example",
        "https://Shop.example",
        "HTTPS://shop.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://shop.example:",
        "https://shop.example:0",
        "https://b\u00fccher.example",
        "https://shop.example\n",
        "ftp://shop.example",
    ],
)
def test_what_no_browser_sends_as_its_origin_is_refused_at_the_start(town, origin):
    with pytest.raises(BadSetting, match="STOA_GATEWAY_ALLOWED_ORIGINS cannot be used: "):
        town.gateway(allowed_origins=("https://shop.example", origin))


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example",
        "http://localhost:5173",
        "https://shop.example:8443",
        "http://[::1]:3000",
        "http://127.0.0.1",
    ],
)
async def test_an_origin_that_browsers_send_is_let_in(town, origin):
    gateway = town.gateway(allowed_origins=(origin,))
    reply = await ask(gateway, "GET", "/api/v1/cart", headers={"origin": origin})
    assert reply.headers["access-control-allow-origin"] == origin


async def test_a_preflight_is_answered_for_named_origins_only_and_for_nobody_else_stored(town):
    gateway = town.gateway(allowed_origins=("https://shop.example",))
    for origin in ("https://evil.example", "null", "https://shop.example/"):
        asked = {"origin": origin, "access-control-request-method": "POST"}
        reply = await ask(gateway, "OPTIONS", "/api/v1/cart", headers=asked)
        assert (reply.status, reply.headers["vary"]) == (405, "Origin")
        assert not [name for name in reply.headers if name.startswith("access-control-")]
    reply = await ask(gateway, "OPTIONS", "/api/v1/cart", headers={"origin": "https://shop.example"})
    assert (reply.status, reply.headers["vary"]) == (405, "Origin")
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    reply = await ask(gateway, "OPTIONS", "/api/v1/cart", headers=asked)
    assert (reply.status, reply.headers["vary"], reply.headers["cache-control"]) == (204, "Origin", "no-store")
    assert "Stoa-Visitor" in reply.headers["access-control-allow-headers"]
    assert "Stoa-Visitor" in reply.headers["access-control-expose-headers"]


# Limits on size


async def test_a_large_body_is_refused_before_it_is_read(gateway):
    reply = await ask(gateway, "POST", "/api/v1/cart", headers={"content-length": str(1024 * 1024 + 1)}, chunks=[])
    assert (reply.status, reply.problem) == (413, "body-too-large")
    reply = await ask(gateway, "POST", "/api/v1/cart", chunks=[b"x" * 65536] * 20)
    assert reply.status == 413


async def test_large_headers_and_targets_are_refused(gateway):
    for headers in ({"x-large": "x" * 17_000}, [(f"x-{number}", "x" * 100) for number in range(200)]):
        assert (await ask(gateway, "GET", "/api/v1/cart", headers=headers)).problem == "headers-too-large"
    long = await ask(gateway, "GET", "/api/v1/cart?x=" + "x" * 9000)
    assert (long.status, long.problem) == (414, "target-too-long")
    assert (await ask(gateway, "GET", "/api/v1/cart", headers={"content-length": "many"})).status == 400


async def test_a_header_that_must_be_single_is(gateway):
    for name in ("authorization", "content-length", "idempotency-key", "host"):
        assert (await ask(gateway, "GET", "/api/v1/cart", headers=[(name, "1"), (name, "2")])).status == 400


# Who calls


async def test_what_a_caller_claims_about_itself_ends_at_the_door(gateway):
    claims = {
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-host": "evil.example",
        "forwarded": "for=203.0.113.9",
        "x-real-ip": "203.0.113.9",
        "x-stoa-client": "203.0.113.9",
        "x-stoa-edge": "between us",
        "x-stoa-user": "admin",
        "x-original-url": "/api/v1/admin",
        "x-http-method-override": "DELETE",
        "x-stoa-visitor": "me",
        "x-stoa-refused": "e30=",
        "stoa-visitor": "me",
        "cookie": "stoa_visitor=me; session=1",
        "x-harmless": "yes",
    }
    reply = await ask(gateway, "GET", "/api/v1/cart", headers=claims)
    assert reply.json["client"] == "192.0.2.7"
    assert reply.json["headers"].keys() & claims.keys() == {"x-harmless"}


@pytest.mark.parametrize(
    ("client", "forwarded", "seen"),
    [
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "rubbish, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9:51234", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, [2001:db8::1]:51234", "2001:db8::1"),
        ("10.0.0.1", "1.2.3.4, [2001:DB8:0::1]", "2001:db8::1"),
        ("10.0.0.1", "1.2.3.4, ::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, [::ffff:10.0.0.2]:80", "1.2.3.4"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:192.0.2.7", "203.0.113.9", "192.0.2.7"),
        # What cannot be read ends the walk: the proxy that wrote it is the caller.
        ("10.0.0.1", "1.2.3.4, unknown", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "1.2.3.4, _hidden, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4,", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, , 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "1.2.3.4, fe80::1%eth0", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9:", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9:123456", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, 0203.0.113.9", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, \xa0", "10.0.0.1"),
        ("10.0.0.1", "rubbish", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
async def test_a_trusted_proxy_says_who_it_was(town, client, forwarded, seen):
    gateway = town.gateway(trusted_proxies=("10.0.0.0/8",))
    reply = await ask(gateway, "GET", "/api/v1/cart", headers={"x-forwarded-for": forwarded}, client=client)
    assert reply.json["client"] == seen


async def test_several_lines_are_one_list(town):
    gateway = town.gateway(trusted_proxies=("10.0.0.0/8",))
    for lines, seen in [
        (["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.3, 10.0.0.2"], "203.0.113.9"),
        (["6.6.6.6", "unknown"], "10.0.0.1"),
    ]:
        headers = [("x-forwarded-for", line) for line in lines]
        reply = await ask(gateway, "GET", "/api/v1/cart", headers=headers, client="10.0.0.1")
        assert reply.json["client"] == seen
    for said, https in [("https", True), ("HTTPS", True), ("https, http", False), ("http, https", True), ("", False)]:
        reply = await ask(gateway, "GET", "/", headers={"x-forwarded-proto": said}, client="10.0.0.1")
        assert ("strict-transport-security" in reply.headers) == https


async def test_who_writes_what_cannot_be_read_gains_no_room(town):
    gateway = town.gateway(trusted_proxies=("10.0.0.0/8",), requests_per_minute=2)
    for entries in ("{0}, 203.0.113.9:51234", "{0}, unknown", "{0}, [2001:db8:1:2::{1:x}]:443"):
        statuses = [
            (
                await ask(
                    gateway,
                    "GET",
                    "/api/v1/cart",
                    headers={"x-forwarded-for": entries.format(f"6.6.6.{number}", number)},
                    client="10.0.0.1",
                )
            ).status
            for number in range(4)
        ]
        assert statuses == [200, 200, 429, 429]


def test_a_network_that_is_none_is_named(town):
    with pytest.raises(BadSetting, match="STOA_GATEWAY_TRUSTED_PROXIES"):
        town.gateway(trusted_proxies=("10.0.0.0/99",))


@pytest.mark.parametrize("named", ["authorization", "Idempotency-Key", "close, content-type", "x , AUTHORIZATION"])
async def test_nobody_hides_a_part_of_the_request_from_the_service(gateway, named):
    reply = await ask(gateway, "POST", "/api/v1/cart", headers={**bearer(token("ada")), "connection": named})
    assert (reply.status, reply.problem) == (400, "bad-header Connection")


async def test_what_is_about_the_connection_ends_with_it(gateway):
    sent = {"connection": "x-private, x-request-id, traceparent, x-stoa-edge", "x-private": "1", "te": "trailers"}
    reply = await ask(gateway, "GET", "/api/v1/cart", headers=sent | {"x-request-id": "mine"})
    got = reply.json["headers"]
    assert not {"x-private", "te", "connection"} & set(got)
    assert (got["x-request-id"], "traceparent" in got) == ("mine", True)


# Tokens and sessions


async def test_a_token_is_checked_and_goes_on(town, gateway):
    reply = await ask(gateway, "GET", "/api/v1/cart", headers=bearer(token("ada")))
    assert reply.json["user_id"] == "ada"


BAD = [("a.b.c", "invalid-token"), (token(exp=1), "expired-token"), (token("eve"), "session-ended")]


@pytest.mark.parametrize(("text", "problem"), BAD)
@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/api/v1/cart"), ("POST", "/api/v1/cart"), ("POST", "/api/v1/orders")]
)
async def test_a_bad_token_makes_nobody_a_guest(town, gateway, method, target, text, problem):
    town.auth.ended.add("session of eve")
    reply = await ask(gateway, method, target, headers=bearer(text))
    assert (reply.status, reply.problem, reply.headers["www-authenticate"]) == (401, problem, "Bearer")


@pytest.mark.parametrize("text", [text for text, _ in BAD])
async def test_a_public_read_with_a_bad_token_is_a_guests(town, gateway, text):
    town.auth.ended.add("session of eve")
    for target in ("/api/v1/products", "/api/v1/products/lamp", "/api/v1/products/draft"):
        as_guest = await ask(gateway, "GET", target, headers={"x-request-id": "r"})
        for _ in range(2):
            reply = await ask(gateway, "GET", target, headers=bearer(text) | {"x-request-id": "r"})
            assert (reply.status, reply.body) == (as_guest.status, as_guest.body)
            assert "public" not in reply.headers["cache-control"]
            assert reply.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    unchanged = await ask(gateway, "GET", "/api/v1/products", headers=bearer(text) | {"if-none-match": "*"})
    assert (unchanged.status, unchanged.headers["www-authenticate"]) == (304, 'Bearer error="invalid_token"')


@pytest.mark.parametrize("text", [text for text, _ in BAD])
@pytest.mark.parametrize("target", ["/api/v1/auth/login", "/api/v1/auth/logout", "/api/v1/users/register"])
async def test_signing_in_and_out_needs_no_token(town, gateway, target, text):
    town.auth.ended.add("session of eve")
    reply = await ask(gateway, "POST", target, raw=b"{}", headers=bearer(text))
    assert (reply.status, reply.json["user_id"]) == (200, None)
    assert "authorization" not in reply.json["headers"]


async def test_a_token_of_before_a_role_changed_is_refused_within_a_second(town, gateway, monkeypatch):
    said, late = bearer(token("ada", entitlements=[], roles_version=3)), bearer(token("ada"))
    town.auth.roles_version = 3
    assert (await ask(gateway, "GET", "/api/v1/cart", headers=said)).status == 200
    town.auth.roles_version = 4
    real = sessions.time.monotonic
    monkeypatch.setattr(sessions.time, "monotonic", lambda: real() + 1.01)
    reply = await ask(gateway, "GET", "/api/v1/cart", headers=said)
    assert (reply.status, reply.problem) == (401, "expired-token")
    # What the refresh token gets counts, also where an older answer of auth is remembered; and what says no version.
    for headers in (bearer(token("ada", entitlements=[], roles_version=5)), late):
        assert (await ask(gateway, "GET", "/api/v1/cart", headers=headers)).status == 200


async def test_a_session_is_asked_about_once_a_second(town, gateway, monkeypatch):
    headers = bearer(token("ada"))
    await asyncio.gather(*(ask(gateway, "GET", "/api/v1/cart", headers=headers) for _ in range(20)))
    assert town.auth.asked == 1
    town.auth.ended.add("session of ada")
    assert (await ask(gateway, "GET", "/api/v1/cart", headers=headers)).status == 200
    real = sessions.time.monotonic
    monkeypatch.setattr(sessions.time, "monotonic", lambda: real() + 1.01)
    reply = await ask(gateway, "GET", "/api/v1/cart", headers=headers)
    assert (reply.status, reply.problem, town.auth.asked) == (401, "session-ended", 2)
    assert (await ask(gateway, "GET", "/api/v1/cart", headers=bearer(token("eve")))).status == 200


@pytest.mark.parametrize("target", ["/api/v1/auth/logout", "/api/v1/users/change-password"])
async def test_what_ends_a_session_here_counts_at_once(town, gateway, target):
    headers = bearer(token("ada"))
    await ask(gateway, "GET", "/api/v1/cart", headers=headers)
    town.auth.ended.add("session of ada")
    assert (await ask(gateway, "POST", target, headers=headers)).status == 200
    assert (await ask(gateway, "GET", "/api/v1/cart", headers=headers)).problem == "session-ended"


async def test_a_session_that_is_ended_by_another_token_counts_at_once(town, gateway):
    await ask(gateway, "GET", "/api/v1/cart", headers=bearer(token("ada")))
    town.auth.ended.add("session of ada")
    await ask(gateway, "POST", "/api/v1/auth/logout", raw=b"another,session of ada")
    assert (await ask(gateway, "GET", "/api/v1/cart", headers=bearer(token("ada")))).problem == "session-ended"


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/api/v1/auth/login", {}),
        ("/api/v1/auth/logout", {}),
        ("/api/v1/auth/logout", bearer("a.b.c")),
        ("/api/v1/auth/logout", bearer(token("eve"))),
        ("/api/v1/users/change-password", bearer(token("eve"))),
    ],
)
async def test_what_others_do_leaves_what_is_known_of_a_session(town, gateway, target, headers):
    for user in ("ada", "eve"):
        await ask(gateway, "GET", "/api/v1/cart", headers=bearer(token(user)))
    reply = await ask(gateway, "POST", target, headers=headers)
    assert reply.status == 200
    assert not [name for name in reply.headers if name.startswith("x-stoa-")]
    await ask(gateway, "GET", "/api/v1/cart", headers=bearer(token("ada")))
    assert town.auth.asked == 2


async def test_without_auth_no_token_is_believed_and_guests_go_on(town, gateway):
    town.auth.down = True
    reply = await ask(gateway, "GET", "/api/v1/cart", headers=bearer(token("ada")))
    assert (reply.status, reply.problem) == (503, "unavailable")
    assert (await ask(gateway, "GET", "/api/v1/cart")).status == 200
    read = await ask(gateway, "GET", "/api/v1/products", headers=bearer(token("ada")))
    assert (read.status, "www-authenticate" in read.headers) == (200, False)


# Rate limits


async def test_requests_are_limited_per_user_or_address(town):
    gateway = town.gateway(requests_per_minute=3)
    for headers, client in [({}, "192.0.2.1"), ({}, "192.0.2.2"), (bearer(token("ada")), "192.0.2.1")]:
        statuses = [
            (await ask(gateway, "GET", "/api/v1/cart", headers=headers, client=client)).status for _ in range(5)
        ]
        assert statuses == [200, 200, 200, 429, 429]
    reply = await ask(gateway, "GET", "/api/v1/cart", client="192.0.2.1")
    assert (reply.problem, int(reply.headers["retry-after"])) == ("rate-limited", 20)
    spoofed = await ask(gateway, "GET", "/api/v1/cart", headers={"x-forwarded-for": "203.0.113.77"}, client="192.0.2.1")
    assert spoofed.status == 429


async def test_sign_ins_have_a_limit_of_their_own(town):
    gateway = town.gateway(sign_ins_per_minute=2)
    statuses = [(await ask(gateway, "POST", "/api/v1/auth/login", raw=b"{}")).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (await ask(gateway, "POST", "/api/v1/users/register", raw=b"{}")).status == 429
    assert (await ask(gateway, "GET", "/api/v1/cart")).status == 200


async def test_a_stored_answer_counts_as_a_twentieth_of_a_request(town):
    gateway = town.gateway(requests_per_minute=1)
    for client in ("192.0.2.1", "192.0.2.2"):
        first = await ask(gateway, "GET", "/api/v1/products", client=client)
        statuses = [(await ask(gateway, "GET", "/api/v1/products", client=client)).status for _ in range(21)]
        assert [first.status, *statuses] == [200] * 20 + [429] * 2
    over = await ask(gateway, "GET", "/api/v1/products", client="192.0.2.1", headers={"accept-encoding": "gzip"})
    assert (over.problem, int(over.headers["retry-after"])) == ("rate-limited", 3)
    spoofed = await ask(gateway, "GET", "/api/v1/products", headers={"x-forwarded-for": "6.6.6.6"}, client="192.0.2.1")
    assert spoofed.status == 429


async def test_a_stored_answer_counts_for_whom_the_proxy_saw(town):
    gateway = town.gateway(trusted_proxies=("10.0.0.0/8",), requests_per_minute=1)
    for seen, status in [("203.0.113.9", 200), ("203.0.113.9", 429), ("203.0.113.8", 200)]:
        for number in range(20):
            headers = {"x-forwarded-for": f"6.6.6.{number}, {seen}"}
            reply = await ask(gateway, "GET", "/api/v1/categories", headers=headers, client="10.0.0.1")
            assert reply.status == status


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/api/openapi.json", {}),
        ("GET", "/nothing", {}),
        ("POST", "/api/openapi.json", {}),
        ("BREW", "/api/v1/cart", {}),
        ("GET", "/api/v1/cart?x=" + "x" * 9000, {}),
        ("GET", "/", [("content-type", "a"), ("content-type", "b")]),
        ("OPTIONS", "/api/v1/cart", {"origin": "https://shop.example", "access-control-request-method": "PUT"}),
    ],
)
async def test_what_asks_no_service_counts_as_a_twentieth_too(town, method, target, headers):
    gateway = town.gateway(requests_per_minute=1, allowed_origins=("https://shop.example",))
    statuses = {(await ask(gateway, method, target, headers=headers)).status for _ in range(20)}
    assert statuses.isdisjoint({429, 500}), statuses
    reply = await ask(gateway, method, target, headers={"origin": "https://shop.example"})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (429, "https://shop.example")
    assert (await ask(gateway, method, target, headers=headers, client="192.0.2.9")).status in statuses


async def test_the_keys_of_tokens_are_asked_for_and_count_as_a_request(town):
    gateway = town.gateway(requests_per_minute=2)
    statuses = [(await ask(gateway, "GET", "/.well-known/jwks.json")).status for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_without_a_limit_nothing_is_counted(town):
    gateway = town.gateway(requests_per_minute=0)
    assert {(await ask(gateway, "GET", "/api/v1/products")).status for _ in range(200)} == {200}


async def test_made_up_tokens_are_counted(town):
    gateway = town.gateway(requests_per_minute=2)
    statuses = [(await ask(gateway, "GET", "/api/v1/cart", headers=bearer("a.b.c"))).status for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    gateway = town.gateway(requests_per_minute=2)
    statuses = [(await ask(gateway, "GET", "/api/v1/products", headers=bearer("a.b.c"))).status for _ in range(4)]
    assert statuses == [200, 200, 429, 429]


# Faults behind the door


async def test_an_upstream_that_fails_is_a_problem(town, gateway):
    async def away(scope, receive, send):
        raise problems.Unavailable("order does not answer.", retry_after_seconds=2)

    async def broken(scope, receive, send):
        raise RuntimeError("the password is hunter2")

    gateway._upstreams |= {"order": away, "cart": broken}
    reply = await ask(gateway, "GET", "/api/v1/orders")
    assert (reply.status, reply.headers["retry-after"]) == (503, "2")
    reply = await ask(gateway, "GET", "/api/v1/cart")
    assert (reply.status, reply.problem) == (500, "internal-error")
    assert b"hunter2" not in reply.body


async def test_what_a_guest_holds_is_in_no_log(town, gateway, caplog):
    async def broken(scope, receive, send):
        raise RuntimeError("it failed")

    caplog.set_level(logging.DEBUG)
    held = "01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f"
    await ask(gateway, "BREW", f"/api/v1/cart/{held}")
    await ask(gateway, "GET", f"/api/v1/{held}/cart")
    gateway._upstreams |= {"cart": broken}
    await ask(gateway, "POST", f"/api/v1/cart/{held}?{held}")
    assert [(record.message, record.resource) for record in caplog.records] == [
        ("refused", "cart"),
        ("refused", ""),
        ("a request failed", "cart"),
    ]
    assert all(held not in Json("shop", {}).format(record) for record in caplog.records)


# Its own pages


async def test_the_keys(gateway):
    reply = await ask(gateway, "GET", "/.well-known/jwks.json")
    assert (reply.status, reply.body.decode()) == (200, jwks("first"))
    assert reply.headers["cache-control"] == "public, max-age=60"


async def test_the_description_is_of_all_services_once(gateway):
    reply = await ask(gateway, "GET", "/api/openapi.json")
    document = reply.json
    assert document["servers"] == [{"url": "/api/v1"}]
    assert {"/products", "/cart", "/payments"} <= set(document["paths"])
    assert set(document["paths"]["/orders"]) == {"get", "post"}


async def test_the_description_says_which_answers_have_a_tag(gateway):
    paths = (await ask(gateway, "GET", "/api/openapi.json")).json["paths"]
    tagged = {
        path for path, operations in paths.items() if "304" in operations.get("get", {"responses": {}})["responses"]
    }
    assert tagged == {"/products", "/products/{product}", "/categories", "/prices"}
    read = paths["/products/{product}"]["get"]
    assert [each["name"] for each in read["parameters"]] == ["product", "If-None-Match"]
    assert list(read["responses"]["200"]["headers"]) == list(read["responses"]["304"]["headers"]) == ["ETag"]
    assert "If-None-Match" not in [each["name"] for each in paths["/products/{product}/similar"]["get"]["parameters"]]


def test_the_claims_of_these_tests_are_those_of_auth():
    assert claims_of()["sid"] == "session of ada"
