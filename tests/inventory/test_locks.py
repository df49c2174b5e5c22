"""Somebody else holds rows: which they are is found out, and who needs none of them goes on."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import holding
import pytest
from holding import waits
from inventory.test_inbox import placed
from runners import deadlocks

from stoa.kit.db import LOCK_SECONDS, Locked
from stoa.kit.ids import uuid7
from stoa.services.inventory import expire
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.handlers import handle_batch, handlers
from stoa.services.inventory.locks import Lock
from stoa.services.inventory.release import release, release_of
from stoa.services.inventory.repository import held
from stoa.services.inventory.reservation import KeyTaken

ITEM = "SELECT FROM items WHERE sku = $1 FOR UPDATE"
STOCK = "SELECT FROM stock WHERE sku = $1 FOR UPDATE"
RESERVATION = "SELECT FROM reservations WHERE key = $1 FOR UPDATE"
ORDER = "018f0000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("rows", "lock"),
    [(ITEM, Lock("item", "k")), (STOCK, Lock("item", "k")), (RESERVATION, Lock("reservation", "k"))],
    ids=["item", "stock", "reservation"],
)
async def test_what_is_held_is_found_with_who_holds_it(shop, rows, lock):
    for sku in ("k", "free"):
        await shop.put(sku, 10)
        await shop.reserve(sku, **{sku: 1})
    asked = [Lock(kind, name) for kind in ("item", "reservation") for name in ("k", "free", "unknown")]
    assert await held(shop.db, asked) == {}
    holders = []
    for _ in range(2):
        async with holding.held(shop.db.dsn, rows, "k"):
            found = await held(shop.db, asked)
            assert list(found) == [lock]
            assert await held(shop.db, asked) == found, "the same holder has the same name"
            holders.append(found[lock])
    assert holders[0] != holders[1]
    assert await held(shop.db, asked) == {}


async def test_a_held_reservation_stops_nobody_who_reserves_the_same_things(shop):
    await shop.put("A", 100)
    await shop.reserve("k", A=1)
    async with holding.held(shop.db.dsn, RESERVATION, "k"):
        again = asyncio.create_task(shop.reserve("k", A=1))
        started = time.monotonic()
        await asyncio.gather(*(shop.reserve(f"other-{at}", A=1) for at in range(5)))
        assert time.monotonic() - started < LOCK_SECONDS
        with pytest.raises(Locked):
            await again
    assert await shop.stock("A") == (100, 6)


async def test_a_held_reservation_stops_no_other_that_is_promised(shop):
    await shop.put("A", 100)
    for key in ("k", "other"):
        await shop.reserve(key, A=1)
    async with holding.held(shop.db.dsn, RESERVATION, "k"):
        stuck = asyncio.create_task(shop.allocate("k", ORDER))
        started = time.monotonic()
        assert (await shop.allocate("other", ORDER)).state == "allocated"
        assert time.monotonic() - started < LOCK_SECONDS
        assert not stuck.done()
    assert (await stuck).state == "allocated"


@pytest.mark.parametrize("rows", [ITEM, STOCK], ids=["item", "stock"])
async def test_who_gives_back_a_held_item_among_others_keeps_nobody_from_the_others(shop, rows):
    for sku in ("A", "B", "X"):
        await shop.put(sku, 100)
    keys = [f"k{at}" for at in range(10)]
    for key in keys:
        await shop.reserve(key, A=1, B=1, X=1)
    took: list[float] = []

    async def give_back(key):
        while True:
            try:
                return await release(shop.inventory, key)
            except Locked:
                await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as tasks, holding.held(shop.db.dsn, rows, "X"):
        giving_back = [tasks.create_task(give_back(key)) for key in keys]
        end = time.monotonic() + 2 * LOCK_SECONDS
        while time.monotonic() < end:
            started = time.monotonic()
            await shop.reserve(f"other-{len(took)}", A=1)
            took.append(time.monotonic() - started)
            await asyncio.sleep(0.05)
        assert max(took) < LOCK_SECONDS
        assert not any(each.done() for each in giving_back)
    assert [each.result() for each in giving_back] == ["released"] * len(keys)
    assert [await shop.stock(sku) for sku in ("A", "B", "X")] == [(100, len(took)), (100, 0), (100, 0)]
    await shop.assert_sound()


@pytest.mark.parametrize("rows", [ITEM, RESERVATION], ids=["item", "reservation"])
async def test_a_person_who_gives_back_waits_as_long_as_everybody_but_with_nothing_in_hand(shop, rows):
    for sku in ("A", "k"):
        await shop.put(sku, 10)
    await shop.reserve("k", A=1, k=1)
    async with holding.held(shop.db.dsn, rows, "k"):
        with pytest.raises(Locked):
            await release_of(shop.inventory, "k", "k")
        patient = asyncio.create_task(release_of(shop.inventory, "k", "k"))
        await waits(shop.db, "")
        async with asyncio.timeout(5):
            while await shop.db.fetchval(WAITING):
                await asyncio.sleep(0.005)
    assert await patient == "released"
    assert [await shop.stock(sku) for sku in ("A", "k")] == [(10, 0), (10, 0)]


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.mark.parametrize("rows", [ITEM, STOCK], ids=["item", "stock"])
async def test_holds_end_in_time_although_others_cannot(shop, rows, monkeypatch):
    monkeypatch.setattr(expire, "AT_ONCE", 2)
    for sku in ("A", "X"):
        await shop.put(sku, 10)
    for at in range(3):
        await shop.reserve(f"held-{at}", hold_seconds=-10, A=1, X=1)
    for at in range(3):
        await shop.reserve(f"free-{at}", hold_seconds=-1, A=1)
    async with holding.held(shop.db.dsn, rows, "X"):
        started = time.monotonic()
        assert await expire_holds(shop.inventory) == 3
        assert time.monotonic() - started < LOCK_SECONDS
        assert (await shop.stock("A"), await shop.stock("X")) == ((10, 3), (10, 3))
    assert await expire_holds(shop.inventory) == 3
    assert (await shop.stock("A"), await shop.stock("X")) == ((10, 0), (10, 0))
    await shop.assert_sound()


@pytest.mark.parametrize("event_type", ["order.placed", "order.canceled", "order.returned"])
async def test_orders_whose_reservation_is_made_meanwhile_lock_nobody_out(shop, postgres, event_type):
    """What it has is locked after what the others of the batch have, or not at all: here it would be before."""
    for sku in ("A", "B"):
        await shop.put(sku, 10)
    await shop.reserve("known", B=1)
    orders = {"known": uuid7(), "late": uuid7()}
    events = [
        placed(orders["known"], "known", {"B": 1}),
        placed(orders["late"], "late", {"A": 1}, event_type=event_type),
    ]

    async def handle() -> None:
        async with shop.db.transaction() as tx:
            for event in await handle_batch(tx, events):
                await handlers(shop.inventory.outbox)[event.type](tx, event)

    maker, counter = [await asyncpg.connect(shop.db.dsn) for _ in range(2)]
    making, counting = maker.transaction(), counter.transaction()
    await making.start()
    await counting.start()
    # As Reserve does: the item first, then the key.
    await maker.execute("SELECT FROM items WHERE sku = 'A' FOR UPDATE")
    reserved = await maker.fetchval(
        "INSERT INTO reservations (id, key, state, order_id) VALUES ($1, 'late', 'allocated', $2) RETURNING id",
        uuid7(),
        orders["late"],
    )
    await maker.execute("INSERT INTO reservation_lines VALUES ($1, 'A', 'main', 1)", reserved)
    await maker.execute("UPDATE stock SET reserved = reserved + 1, version = version + 1 WHERE sku = 'A'")
    handling = asyncio.create_task(handle())
    await waits(shop.db, "INSERT INTO reservations (id, key, state)")
    both = asyncio.create_task(counter.execute("SELECT FROM items WHERE sku IN ('A', 'B') ORDER BY sku FOR UPDATE"))
    await waits(shop.db, "ORDER BY sku FOR UPDATE")
    await making.commit()
    with pytest.raises(KeyTaken):
        await handling
    await both
    await counting.rollback()
    await handle()
    for session in (maker, counter):
        await session.close()
    left = {"order.placed": (9, 0), "order.canceled": (10, 0), "order.returned": (10, 0)}[event_type]
    assert (await shop.stock("A"), await shop.stock("B")) == (left, (9, 0))
    assert await shop.discrepancies() == []
    await shop.assert_sound()
    assert await deadlocks(postgres, shop.db) == 0
