"""A service without a database, without a server and in a whole shop."""

from __future__ import annotations

from stoa_labels.service.routes import routes

from stoa.audit.audit import audit
from stoa.testing import Rest


async def test_its_routes_need_none():
    answer = await Rest(routes.bind(None)).send("POST", "/labels/mug", {"text": "x" * 41}, key="a-key-of-mine")
    assert (answer.status, answer.body["field"]) == (422, "text")


async def test_a_shop_has_it_and_no_database_for_it(shop):
    assert "labels" not in shop.databases
    async with shop.http.get("/api/v1/labels/mug") as answer:
        assert (answer.status, (await answer.json())["type"]) == (404, "/problems/no-such-product")
    assert [verdict for verdict in await audit(shop.databases, looks=1) if verdict.findings] == []
    await shop.settle()
