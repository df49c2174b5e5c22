"""A warehouse in which nothing is left is closed: it takes no goods, and of a closing and a coming one comes first."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from stoa.audit.stock import NOT_EMPTY
from stoa.kit import staff_acts
from stoa.kit.ids import uuid7
from stoa.services.inventory.routes import routes
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
LINES = [{"sku": "MUG", "quantity": 2}]
CLOSE, OPEN = "/warehouses/annex/close", "/warehouses/annex/open"
SHELF = {"on_hand": 2, "warehouse": "annex"}
MANY = {"lines": [{"sku": "MUG", "on_hand": 2}], "warehouse": "annex"}
TRANSFER = {"source": "main", "destination": "annex", "lines": LINES}
RECEIPT = {"supplier": "S", "warehouse": "annex", "lines": LINES}

WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""

NAMING = {
    "a shelf": ("PUT", "/inventory/MUG", SHELF, 200, "warehouse"),
    "shelves": ("PUT", "/inventory", MANY, 200, "warehouse"),
    "kept back": ("PUT", "/inventory/MUG/policy", {"safety_stock": {"annex": 1}}, 200, "safety_stock.annex"),
    "a transfer there": ("POST", "/transfers", TRANSFER, 201, "destination"),
    "from there": ("POST", "/transfers", TRANSFER | {"source": "annex", "destination": "main"}, 201, "source"),
    "a receipt": ("POST", "/receipts", RECEIPT, 201, "warehouse"),
    "a count": ("POST", "/stock-counts", {"warehouse": "annex", "skus": ["MUG"]}, 201, "warehouse"),
}
LEFT = {
    "a shelf": {"on_hand": 2},
    "shelves": {"on_hand": 2},
    "kept back": None,
    "a transfer there": {"transfers": 1},
    "from there": {"transfers": 1},
    "a receipt": {"receipts": 1},
    "a count": {"counts": 1},
}


@pytest.fixture
async def rest(shop):
    rest = Rest(routes.bind(shop.inventory), shop.db)
    await rest.ok("POST", "/warehouses", {"id": "annex", "name": "Annex", "priority": 50}, status=201, user=ADMIN)
    await shop.put("MUG", 9)
    return rest


async def is_sound(shop):
    await shop.assert_sound()
    assert [dict(row) for row in await shop.db.fetch(NOT_EMPTY)] == []


def problem_of(answer):
    return None if answer.status < 400 else answer.problem


async def ids(rest, query=""):
    return [one["id"] for one in (await rest.ok("GET", f"/warehouses{query}", user=ADMIN))["items"]]


async def test_an_empty_one_that_had_goods_is_closed_and_opened_again(rest, shop):
    for on_hand in (3, 0):
        await shop.put("MUG", on_hand, "annex")
    old = await rest.send("POST", CLOSE, user=ADMIN, headers={"if-match": '"7"'})
    assert (old.status, old.problem) == (412, "version-mismatch")
    closed = await rest.ok("POST", CLOSE, user=ADMIN)
    assert (closed["version"], closed["closed_at"] is None) == (2, False)
    assert await rest.ok("POST", CLOSE, user=ADMIN) == closed
    assert (await ids(rest), await ids(rest, "?closed=true")) == (["main"], ["annex", "main"])
    assert await rest.ok("GET", "/warehouses/annex", user=ADMIN) == closed
    stock = await rest.ok("GET", "/inventory/MUG")
    assert [one["warehouse"] for one in stock["warehouses"]] == ["main"]
    await is_sound(shop)
    opened = await rest.ok("POST", OPEN, user=ADMIN)
    assert (opened["version"], opened["closed_at"]) == (3, None)
    assert await rest.ok("POST", OPEN, user=ADMIN) == opened
    await shop.put("MUG", 4, "annex")
    assert await ids(rest) == ["annex", "main"]
    acts = await staff_acts.list_acts(shop.db, subject="annex", limit=10)
    assert [one.act for one in acts] == ["warehouse.opened", "warehouse.closed", "warehouse.added"]


@pytest.mark.parametrize("naming", NAMING)
async def test_a_closed_one_takes_nothing(rest, shop, naming):
    await rest.ok("POST", CLOSE, user=ADMIN)
    method, path, body, _, field = NAMING[naming]
    refused = await rest.send(method, path, body, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "warehouse-closed", field)
    assert await shop.stock("MUG") == (9, 0)
    await is_sound(shop)


@pytest.mark.parametrize("naming", [naming for naming, left in LEFT.items() if left])
async def test_one_with_something_left_stays_open_and_says_what(rest, shop, naming):
    method, path, body, status, _ = NAMING[naming]
    await rest.ok(method, path, body, status=status, user=ADMIN)
    refused = await rest.send("POST", CLOSE, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["left"]) == (409, "warehouse-not-empty", LEFT[naming])
    assert (await rest.ok("GET", "/warehouses/annex", user=ADMIN))["closed_at"] is None


async def test_what_is_promised_there_is_named(rest, shop):
    await shop.put("CUP", 5, "annex")
    await shop.reserve("k", CUP=2)
    refused = await rest.send("POST", CLOSE, user=ADMIN)
    assert refused.body["left"] == {"on_hand": 5, "reserved": 2}


async def test_the_main_one_is_never_closed_and_one_that_is_not_there_is_404(rest):
    refused = await rest.send("POST", "/warehouses/main/close", user=ADMIN)
    assert (refused.status, refused.problem) == (409, "warehouse-in-use")
    for path in ("/warehouses/moon/close", "/warehouses/moon/open"):
        unknown = await rest.send("POST", path, user=ADMIN)
        assert (unknown.status, unknown.problem) == (404, "unknown-warehouse")


@pytest.mark.parametrize("returned", [True, False], ids=["returned", "canceled"])
async def test_what_comes_back_of_what_was_sold_there_goes_to_the_main_one(rest, shop, returned):
    """Also where the main one never had it. What was sold is marked as returned as it was sold."""
    await shop.put("CUP", 2, "annex")
    order, lines = uuid7(), [{"sku": "CUP", "quantity": 2}]
    await shop.promise("k", order, CUP=2)
    await shop.hear("order.placed", order_id=order, items=lines)
    await rest.ok("POST", CLOSE, user=ADMIN)
    if returned:
        await shop.hear("order.returned", order_id=order, return_id=uuid7(), items=lines)
    else:
        await shop.hear("order.canceled", order_id=order)
    assert (await shop.stock("CUP"), await shop.stock("CUP", "annex")) == ((2, 0), (0, 0))
    assert await shop.movements("CUP") == [("opening", 2), ("sale", -2), ("return", 2)]
    await is_sound(shop)


@pytest.mark.parametrize("naming", NAMING)
async def test_of_who_names_it_and_who_closes_it_one_comes_first(rest, shop, twin, naming):
    method, path, body, *_ = NAMING[naming]
    other = twin()
    elsewhere = Rest(routes.bind(other.inventory), other.db)
    seen = set()
    for at in range(6):
        first, second = (rest, elsewhere) if at % 2 else (elsewhere, rest)
        named, closed = await asyncio.gather(
            first.send(method, path, body, user=ADMIN), second.send("POST", CLOSE, user=ADMIN)
        )
        outcome = (problem_of(named), problem_of(closed))
        seen.add(outcome)
        await is_sound(shop)
        if outcome[0] == "warehouse-closed":
            await rest.ok("POST", OPEN, user=ADMIN)
        elif LEFT[naming]:
            break
        else:
            await rest.ok("POST", OPEN, user=ADMIN)
    # Where it only keeps something back there, nothing is there: both may be.
    both = set() if LEFT[naming] else {(None, None)}
    assert seen <= {("warehouse-closed", None), (None, "warehouse-not-empty")} | both, seen


@pytest.mark.parametrize("act", ["receipt", "transfer", "return"])
async def test_goods_that_come_while_it_is_closed_are_never_in_a_closed_one(rest, shop, twin, act):
    other = twin()
    elsewhere = Rest(routes.bind(other.inventory), other.db)
    for _ in range(6):
        order, lines = uuid7(), [{"sku": "CUP", "quantity": 2}]
        if act == "return":
            await shop.put("CUP", 2, "annex")
            await shop.put("CUP", 0)
            await shop.promise(f"k{order}", order, CUP=2)
            await shop.hear("order.placed", order_id=order, reservation_key=f"k{order}", items=lines)
            coming = shop.hear("order.canceled", order_id=order, reservation_key=f"k{order}")
        elif act == "receipt":
            made = await rest.ok("POST", "/receipts", RECEIPT, status=201, user=ADMIN)
            coming = rest.send("POST", f"/receipts/{made['id']}/receive", user=ADMIN)
        else:
            made = await rest.ok("POST", "/transfers", TRANSFER, status=201, user=ADMIN)
            await rest.ok("POST", f"/transfers/{made['id']}/send", user=ADMIN)
            coming = rest.send("POST", f"/transfers/{made['id']}/receive", user=ADMIN)
        _, closed = await asyncio.gather(coming, elsewhere.send("POST", CLOSE, user=ADMIN))
        assert closed.status in ({200, 409} if act == "return" else {409})
        await is_sound(shop)
        await rest.ok("POST", OPEN, user=ADMIN)
        for sku in ("CUP", "MUG"):
            await shop.put(sku, 0, "annex")
        await shop.put("MUG", 9)


async def test_who_names_it_and_waits_for_who_closes_it_finds_it_closed(rest, shop):
    """It is not what was there when he asked that counts."""
    closing = await asyncpg.connect(shop.db.dsn)
    try:
        async with closing.transaction():
            await closing.execute("SELECT FROM warehouses WHERE id = 'annex' FOR UPDATE")
            counting = asyncio.create_task(rest.send("PUT", "/inventory/MUG", SHELF, user=ADMIN))
            while not await closing.fetchval(WAITING) and not counting.done():
                await closing.execute("SELECT pg_stat_clear_snapshot()")
            assert not counting.done()
            await closing.execute("UPDATE warehouses SET closed_at = now() WHERE id = 'annex'")
    finally:
        await closing.close()
    refused = await counting
    assert (refused.status, refused.problem) == (409, "warehouse-closed")
    await is_sound(shop)


async def test_what_is_kept_back_in_a_closed_one_counts_for_nothing_and_cannot_be_more(rest, shop):
    for units in (3, 0):
        await rest.ok("PUT", "/inventory/MUG", {"on_hand": units, "warehouse": "annex"}, user=ADMIN)
    await rest.ok("PUT", "/inventory/MUG/policy", {"safety_stock": {"annex": 5, "main": 1}}, user=ADMIN)
    await rest.ok("POST", CLOSE, user=ADMIN)
    shown = await rest.ok("GET", "/inventory/MUG", user=ADMIN)
    assert shown["safety_stock"] == sum(row["safety_stock"] for row in shown["warehouses"]) == 1
    refused = await rest.send("PUT", "/inventory/MUG/policy", {"safety_stock": {"annex": 7}}, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "warehouse-closed", "safety_stock.annex")
    await rest.ok("PUT", "/inventory/MUG/policy", {"safety_stock": {"main": 2}}, user=ADMIN)
    await rest.ok("POST", OPEN, user=ADMIN)
    shown = await rest.ok("GET", "/inventory/MUG", user=ADMIN)
    assert {row["warehouse"]: row["safety_stock"] for row in shown["warehouses"]} == {"main": 2, "annex": 0}
    await is_sound(shop)
