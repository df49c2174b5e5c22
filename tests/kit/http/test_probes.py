"""Alive, ready, and counted."""

from __future__ import annotations

import asyncio

from tests.asgi import ask
from tests.kit.http.shop import Shop, app_of

from stoa.kit import problems
from stoa.kit.http import probes
from stoa.kit.http.probes import Probes


async def fine() -> None:
    return


async def broken() -> None:
    raise problems.Unavailable("The database of cart does not answer.")


async def hangs() -> None:
    await asyncio.sleep(60)


async def test_alive_and_ready():
    app = Probes(app_of(Shop()), "order", {"database of cart": fine})
    alive = await ask(app, "GET", "/healthz")
    assert (alive.status, alive.json) == (200, {"status": "alive", "process": "order"})
    assert (await ask(app, "GET", "/readyz")).json == {"status": "ready", "process": "order"}
    assert (await ask(app, "HEAD", "/readyz")).body == b""


async def test_not_ready_says_what_is_wrong(monkeypatch):
    monkeypatch.setattr(probes, "CHECK_SECONDS", 0.02)
    app = Probes(app_of(Shop()), "order", {"cart": broken, "auth": fine, "bus": hangs})
    ready = await ask(app, "GET", "/readyz")
    assert ready.status == 503
    assert ready.json["troubles"] == {
        "cart": "The database of cart does not answer.",
        "bus": "no answer within 0.02 s",
    }
    assert (await ask(app, "GET", "/healthz")).status == 200


async def test_requests_are_counted_by_template():
    app = Probes(app_of(Shop()), "order", {})
    for ref in ("a", "b", "c"):
        await ask(app, "GET", f"/api/v1/things/{ref}")
    text = (await ask(app, "GET", "/metrics")).body.decode()
    assert 'stoa_http_requests_total{method="GET",route="/things/{ref}",service="shop",status="200"}' in text
    assert 'route="/things/a"' not in text
    assert 'stoa_http_request_seconds_bucket{le="0.001",method="GET",route="/things/{ref}",service="shop"}' in text


async def test_everything_else_passes():
    app = Probes(app_of(Shop()), "order", {})
    assert (await ask(app, "GET", "/api/v1/things/a")).status == 200
    assert (await ask(app, "GET", "/healthz/x")).status == 404
