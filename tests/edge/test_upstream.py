"""A service in another process, over real connections: it gets the same, answers the same, and may be gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
import uvicorn
from tests.asgi import ask
from tests.edge.town import Town
from tests.signing import bearer, token

from stoa.edge.gateway.upstream import RemoteUpstream
from stoa.kit import breaker
from stoa.kit.breaker import FAILURES_TO_OPEN, OPEN_SECONDS, Breaker
from stoa.kit.idempotency import IdempotencyKeys


@contextlib.asynccontextmanager
async def serving(app, port: int = 0):
    """The app on a port of the loopback interface."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        config = uvicorn.Config(app, lifespan="off", log_config=None, proxy_headers=False, ws="none")
        server = uvicorn.Server(config)
        server.config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            await server.shutdown(sockets=[listener])


@pytest.fixture
def town():
    return Town()


@contextlib.asynccontextmanager
async def gateway_to(town, *addresses, timeout_seconds: float = 5.0):
    upstream = RemoteUpstream("shop", addresses, "between us", timeout_seconds)
    gateway = town.gateway()
    gateway._upstreams |= dict.fromkeys(("catalog", "cart", "order", "checkout"), upstream)
    gateway._description._apps = [upstream]
    try:
        yield gateway
    finally:
        await upstream.close()


def without_headers(reply):
    """What a service saw of a request, apart from its headers; nothing for HEAD."""
    return {**reply.json, "headers": {}} if reply.body else None


async def test_nothing_differs_from_an_upstream_in_process(town):
    async with serving(town.api) as address, gateway_to(town, address) as remote:
        local = town.gateway()
        for method, target, body in [
            ("GET", "/api/v1/cart/caf%C3%A9", None),
            ("HEAD", "/api/v1/cart", None),
            ("POST", "/api/v1/cart/a%20b?x=%26", b"some bytes"),
            ("GET", "/api/v1/products?limit=1", None),
            ("GET", "/api/v1/products/lamp", None),
            ("GET", "/api/v1/products/lamp", None),
            ("GET", "/api/v1/products/nothing", None),
            ("PATCH", "/api/v1/cart", None),
            ("GET", "/api/openapi.json", None),
        ]:
            headers = {"x-request-id": "same", "x-forwarded-for": "6.6.6.6", **bearer(token("ada", jti="same"))}
            there = await ask(remote, method, target, raw=body, headers=headers)
            here = await ask(local, method, target, raw=body, headers=headers)
            assert there.status == here.status
            if target.startswith("/api/v1/cart"):
                # This one tells what it was sent, and it was sent the gateway's proof as well.
                del there.headers["content-length"], here.headers["content-length"]
                assert without_headers(there) == without_headers(here)
            else:
                assert there.body == here.body
            assert there.headers == here.headers


async def test_the_hops_own_headers_stay_on_the_hop(town):
    async with serving(town.api) as address, gateway_to(town, address) as gateway:
        sent = {"connection": "keep-alive, x-private", "x-private": "1", "te": "trailers", "x-public": "2"}
        reply = await ask(gateway, "GET", "/api/v1/cart", headers=sent)
        got = reply.json["headers"]
        assert "x-private" not in got
        assert "te" not in got
        assert got["x-public"] == "2"
        assert "x-stoa-edge" in got
        assert not {"connection", "transfer-encoding", "date", "server"} & set(reply.headers)


async def test_what_the_gateway_found_out_goes_along(town, database):
    api = town.api_of("auth", "cart", keys={"cart": IdempotencyKeys(await database("cart"))})
    town.auth.ended.add("session of eve")
    async with serving(api) as address, gateway_to(town, address) as gateway:
        gateway._upstreams["auth"] = gateway._upstreams["cart"]
        key = {"idempotency-key": "k"}
        first = await ask(gateway, "POST", "/api/v1/cart", headers=key)
        other = await ask(gateway, "POST", "/api/v1/cart", headers=key)
        again = await ask(
            gateway, "POST", "/api/v1/cart", headers=key | {"stoa-visitor": first.headers["stoa-visitor"]}
        )
        assert (again.body == first.body, other.body == first.body) == (True, False)
        assert again.headers["set-cookie"].startswith(f"stoa_visitor={first.headers['stoa-visitor']};")

        refused = await ask(gateway, "POST", "/api/v1/cart", headers=bearer(token("eve")))
        assert (refused.status, refused.problem) == (401, "session-ended")
        assert (await ask(gateway, "POST", "/api/v1/auth/login", headers=bearer(token("eve")))).status == 200

        await ask(gateway, "GET", "/api/v1/cart", headers=bearer(token("ada")))
        town.auth.ended.add("session of ada")
        ended = await ask(gateway, "POST", "/api/v1/auth/logout", headers=bearer(token("ada")))
        assert (ended.status, [name for name in ended.headers if name.startswith("x-stoa-")]) == (200, [])
        assert (await ask(gateway, "GET", "/api/v1/cart", headers=bearer(token("ada")))).problem == "session-ended"


async def test_a_body_over_the_limit_does_not_travel(town):
    async with serving(town.api) as address, gateway_to(town, address) as gateway:
        assert (await ask(gateway, "POST", "/api/v1/cart", chunks=[b"x" * 65536] * 20)).status == 413
        assert (await ask(gateway, "POST", "/api/v1/cart", raw=b"x" * 1024 * 1024)).status == 200


async def test_nobody_there_is_503_and_then_503_at_once(town, unused_port):
    async with gateway_to(town, f"127.0.0.1:{unused_port}") as gateway:
        for _ in range(FAILURES_TO_OPEN + 3):
            reply = await ask(gateway, "GET", "/api/v1/cart")
            assert (reply.status, reply.problem, reply.headers["retry-after"]) == (503, "upstream-unavailable", "2")
        (address,) = gateway._upstreams["cart"]._addresses
        assert not address.breaker.admits()
        assert address.breaker._failures == FAILURES_TO_OPEN


async def test_it_is_found_again_when_it_is_back(town, unused_port, monkeypatch):
    async with gateway_to(town, f"127.0.0.1:{unused_port}") as gateway:
        for _ in range(FAILURES_TO_OPEN):
            await ask(gateway, "GET", "/api/v1/cart")
        async with serving(town.api, unused_port):
            assert (await ask(gateway, "GET", "/api/v1/cart")).status == 503
            real = breaker.time.monotonic
            monkeypatch.setattr(breaker.time, "monotonic", lambda: real() + OPEN_SECONDS)
            assert (await ask(gateway, "GET", "/api/v1/cart")).status == 200


async def test_replicas_share_the_work_and_one_may_be_gone(town, unused_port):
    counts = [0, 0]

    def counting(at):
        async def app(scope, receive, send):
            counts[at] += 1
            await town.api(scope, receive, send)

        return app

    async with (
        serving(counting(0)) as first,
        serving(counting(1)) as second,
        gateway_to(town, first, second, f"127.0.0.1:{unused_port}") as gateway,
    ):
        replies = await asyncio.gather(*(ask(gateway, "GET", "/api/v1/cart") for _ in range(60)))
        assert {reply.status for reply in replies} == {200}
        assert sum(counts) == 60
        assert min(counts) > 10


async def test_silence_ends(town):
    over = asyncio.Event()

    async def silent(scope, receive, send):
        await over.wait()
        await town.api(scope, receive, send)

    async with serving(silent) as address, gateway_to(town, address, timeout_seconds=0.2) as gateway:
        reply = await ask(gateway, "POST", "/api/v1/orders")
        over.set()
        assert (reply.status, reply.problem) == (503, "upstream-overdue")
        assert gateway._upstreams["order"]._addresses[0].in_flight == 0


async def test_a_connection_that_breaks_off_is_not_asked_twice(town):
    asked = []

    async def breaking(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(breaking, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with gateway_to(town, f"127.0.0.1:{port}") as gateway:
        reply = await ask(gateway, "POST", "/api/v1/orders")
    server.close()
    await server.wait_closed()
    assert (reply.status, reply.problem, len(asked)) == (503, "upstream-unavailable", 1)


async def test_redirects_and_compressed_bodies_pass_untouched(town):
    async def odd(scope, receive, send):
        headers = [(b"location", b"http://elsewhere.example/"), (b"content-encoding", b"gzip")]
        await send({"type": "http.response.start", "status": 302, "headers": headers})
        await send({"type": "http.response.body", "body": b"\x1f\x8bnot really"})

    async with serving(odd) as address, gateway_to(town, address) as gateway:
        reply = await ask(gateway, "GET", "/api/v1/cart")
        assert (reply.status, reply.headers["location"]) == (302, "http://elsewhere.example/")
        assert reply.body == b"\x1f\x8bnot really"


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(breaker.time, "monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def test_the_breakers_states(clock):
    it = Breaker()
    for _ in range(FAILURES_TO_OPEN - 1):
        it.failed()
    assert it.admits()
    it.succeeded()
    for _ in range(FAILURES_TO_OPEN):
        assert it.admits()
        it.failed()
    assert not it.admits()
    clock(OPEN_SECONDS)
    assert it.admits()
    it.sending()
    assert not it.admits()
    it.failed()
    assert not it.admits()
    clock(OPEN_SECONDS)
    it.sending()
    it.abandoned()
    assert it.admits()
    it.sending()
    it.succeeded()
    assert it.admits()
