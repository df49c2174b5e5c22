"""Alive, ready, and counted."""

from __future__ import annotations

import asyncio

import pytest
from tests.asgi import ask
from tests.kit.http.shop import Panic, Shop, app_of

from stoa.kit import problems
from stoa.kit.http import probes
from stoa.kit.http.probes import Check, MetricsPage, Probes


async def fine() -> None:
    return


async def broken() -> None:
    raise problems.Unavailable("The database of cart does not answer.")


async def hangs() -> None:
    await asyncio.sleep(60)


def app_with(**own: Check):
    return Probes("order", own).before(app_of(Shop()))


async def test_alive_and_ready():
    app = app_with(cart=fine)
    alive = await ask(app, "GET", "/healthz")
    assert (alive.status, alive.json) == (200, {"status": "alive", "process": "order"})
    assert (await ask(app, "GET", "/readyz")).json == {"status": "ready", "process": "order"}
    assert (await ask(app, "HEAD", "/readyz")).body == b""


async def test_not_ready_says_what_is_wrong(monkeypatch):
    monkeypatch.setattr(probes, "CHECK_SECONDS", 0.02)
    app = app_with(cart=broken, auth=fine, bus=hangs)
    ready = await ask(app, "GET", "/readyz")
    assert ready.status == 503
    assert ready.json["troubles"] == {
        "cart": "The database of cart does not answer.",
        "bus": "no answer within 0.02 s",
    }
    assert (await ask(app, "GET", "/healthz")).status == 200


async def test_requests_are_counted_by_template():
    app = app_with()
    for ref in ("a", "b", "c"):
        await ask(app, "GET", f"/api/v1/things/{ref}")
    text = (await ask(MetricsPage(), "GET", "/metrics")).body.decode()
    assert 'stoa_http_requests_total{method="GET",route="/things/{ref}",service="shop",status="200"}' in text
    assert 'route="/things/a"' not in text
    assert 'stoa_http_request_seconds_bucket{le="0.001",method="GET",route="/things/{ref}",service="shop"}' in text


async def test_everything_else_passes():
    app = app_with()
    assert (await ask(app, "GET", "/api/v1/things/a")).status == 200
    for nothing in ("/healthz/x", "/metrics"):
        assert (await ask(app, "GET", nothing)).problem == "no-such-path"
    for nothing in ("/", "/metrics/x", "/api/v1/things/a"):
        assert (await ask(MetricsPage(), "GET", nothing)).problem == "no-such-path"


class Neighbor:
    """Answers when it is `there`."""

    def __init__(self):
        self.there = False
        self.asked = 0

    async def check(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.there:
            raise problems.Unavailable("It does not answer.")


async def test_ready_when_each_neighbor_has_answered_once(monkeypatch):
    monkeypatch.setattr(probes, "KEEP_SECONDS", 0)
    user, order = Neighbor(), Neighbor()
    app = Probes("gateway", {}, {"user": user.check, "order": order.check}).before(app_of(Shop()))
    user.there = True
    reply = await ask(app, "GET", "/readyz")
    assert reply.status == 503
    assert reply.json["troubles"] == {"order": "It does not answer."}
    order.there, user.there = True, False
    # The one has answered before, the other does now.
    reply = await ask(app, "GET", "/readyz")
    assert (reply.status, reply.json["status"]) == (200, "ready")
    assert reply.json["neighbors"] == {"user": "It does not answer.", "order": "answers"}
    order.there = False
    assert (await ask(app, "GET", "/readyz")).status == 200


async def test_many_who_ask_at_once_cost_one_look():
    other = Neighbor()
    app = Probes("gateway", {}, {"user": other.check}).before(app_of(Shop()))
    replies = await asyncio.gather(*(ask(app, "GET", "/readyz") for _ in range(50)))
    assert {each.status for each in replies} == {503}
    await ask(app, "GET", "/readyz")
    assert other.asked == 1


async def test_who_stops_is_alive_and_not_ready():
    stopping = Probes("order", {"cart": fine})
    app = stopping.before(app_of(Shop()))
    assert (await ask(app, "GET", "/readyz")).status == 200
    stopping.stopping()
    reply = await ask(app, "GET", "/readyz")
    assert (reply.status, reply.json["troubles"]) == (503, {"order": "it is stopping"})
    assert (await ask(app, "GET", "/healthz")).status == 200


async def test_gauges_are_looked_up_when_somebody_asks_and_not_for_each_who_does():
    looked: list[str] = []

    async def measure() -> None:
        looked.append("cart")

    async def broken() -> None:
        raise OSError("no route to host")

    page = MetricsPage({"cart": measure, "auth": broken})
    assert looked == []
    for _ in range(2):
        assert (await ask(page, "GET", "/metrics")).status == 200
    assert looked == ["cart"]


@pytest.mark.parametrize("kind", [RuntimeError, Panic])
async def test_a_service_that_cannot_answer_yet_is_named_and_turns_nobody_off(kind: type[BaseException]) -> None:
    async def building() -> None:
        raise kind("The index is being built.")

    app = Probes("shop", {}, services={"search": building}).before(app_of(Shop()))
    reply = await ask(app, "GET", "/readyz")
    assert (reply.status, reply.json["services"]) == (200, {"search": "The index is being built."})
