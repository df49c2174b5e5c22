"""A warehouse that was added by mistake is removed; one that anything names stays."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit import staff_acts
from stoa.services.inventory.routes import routes
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
LINES = [{"sku": "MUG", "quantity": 1}]
NAMING = {
    "stock": ("PUT", "/inventory/MUG", {"on_hand": 0, "warehouse": "annex"}, 200),
    "safety stock": ("PUT", "/inventory/MUG/policy", {"safety_stock": {"annex": 1}}, 200),
    "transfer from it": ("POST", "/transfers", {"source": "annex", "destination": "main", "lines": LINES}, 201),
    "transfer to it": ("POST", "/transfers", {"source": "main", "destination": "annex", "lines": LINES}, 201),
    "receipt": ("POST", "/receipts", {"supplier": "S", "warehouse": "annex", "lines": LINES}, 201),
    "count": ("POST", "/stock-counts", {"warehouse": "annex", "skus": ["MUG"]}, 201),
}


@pytest.fixture
async def rest(shop):
    rest = Rest(routes.bind(shop.inventory), shop.db)
    await rest.ok("POST", "/warehouses", {"id": "annex", "name": "Annex"}, status=201, user=ADMIN)
    return rest


async def warehouses(rest):
    return [one["id"] for one in (await rest.ok("GET", "/warehouses", user=ADMIN))["items"]]


async def test_one_that_nothing_names_is_removed_and_may_come_again(rest, shop):
    old = await rest.send("DELETE", "/warehouses/annex", user=ADMIN, headers={"if-match": '"7"'})
    assert (old.status, old.problem) == (412, "version-mismatch")
    await rest.ok("DELETE", "/warehouses/annex", status=204, user=ADMIN)
    assert await warehouses(rest) == ["main"]
    (act, *_) = await staff_acts.list_acts(shop.db, limit=10)
    assert (act.act, act.actor, act.subject, act.before["name"]) == ("warehouse.removed", ADMIN.id, "annex", "Annex")
    again = await rest.send("DELETE", "/warehouses/annex", user=ADMIN)
    assert (again.status, again.problem) == (404, "unknown-warehouse")
    counted = await rest.send("PUT", "/inventory/MUG", {"on_hand": 1, "warehouse": "annex"}, user=ADMIN)
    assert (counted.status, counted.problem) == (422, "no-such-warehouse")
    await rest.ok("POST", "/warehouses", {"id": "annex", "name": "Annex"}, status=201, user=ADMIN)


@pytest.mark.parametrize("naming", NAMING)
async def test_one_that_something_names_stays(rest, shop, naming):
    method, path, body, status = NAMING[naming]
    await rest.ok(method, path, body, status=status, user=ADMIN)
    acts = await staff_acts.list_acts(shop.db, limit=10)
    refused = await rest.send("DELETE", "/warehouses/annex", user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "warehouse-in-use", "warehouse_id")
    assert await warehouses(rest) == ["annex", "main"]
    assert await staff_acts.list_acts(shop.db, limit=10) == acts


async def test_the_one_that_is_meant_where_none_is_named_stays(rest):
    refused = await rest.send("DELETE", "/warehouses/main", user=ADMIN)
    assert (refused.status, refused.problem) == (409, "warehouse-in-use")
    assert await warehouses(rest) == ["annex", "main"]


@pytest.mark.parametrize("naming", NAMING)
async def test_of_who_names_it_and_who_removes_it_one_comes_first(rest, shop, naming):
    method, path, body, status = NAMING[naming]
    for _ in range(5):
        named, removed = await asyncio.gather(
            rest.send(method, path, body, user=ADMIN), rest.send("DELETE", "/warehouses/annex", user=ADMIN)
        )
        if removed.status == 204:
            assert (named.status, named.problem) == (422, "no-such-warehouse")
            await rest.ok("POST", "/warehouses", {"id": "annex", "name": "Annex"}, status=201, user=ADMIN)
        else:
            assert (named.status, removed.status, removed.problem) == (status, 409, "warehouse-in-use")
    await shop.assert_sound()
