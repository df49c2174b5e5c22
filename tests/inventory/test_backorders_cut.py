"""What is owed while others hold its rows, and where a session dies between two statements: nothing of it, or all."""

from __future__ import annotations

import asyncio
import itertools

import asyncpg
import pytest
from inventory.test_waves import cut_before, wave_of

from stoa.kit.db import DatabaseUnavailable
from stoa.kit.ids import uuid7
from stoa.services.inventory.errors import OutOfStock
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.give_back import Release, release_all
from stoa.services.inventory.items import Policy
from stoa.services.inventory.reservation import Fill, Reservation
from stoa.services.inventory.reserve import reserve_all
from stoa.services.inventory.states import State


async def until_somebody_waits(session: asyncpg.Connection) -> None:
    async with asyncio.timeout(5):
        while not await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("meanwhile", "granted"),
    [
        ("UPDATE items SET backorder_limit = 1, version = version + 1", False),
        ("UPDATE items SET policy = 'none', version = version + 1", False),
        ("UPDATE items SET backorder_limit = 3, version = version + 1", True),
    ],
)
async def test_a_policy_that_changed_while_we_waited_is_the_one_that_holds(shop, meanwhile, granted):
    """The stock is as it was read; the item is as it is when its lock is ours."""
    await shop.backorder("A", 2)
    session = await asyncpg.connect(shop.db.dsn)
    try:
        async with session.transaction():
            await session.execute(meanwhile)
            wave = wave_of(["k"], A=3 if granted else 2)
            reserving = asyncio.create_task(reserve_all(shop.db, shop.inventory.outbox, wave))
            await until_somebody_waits(session)
        (answer,) = await reserving
    finally:
        await session.close()
    assert isinstance(answer, Reservation if granted else OutOfStock)
    assert await shop.db.fetchval("SELECT backordered FROM items") == (3 if granted else 0)
    await shop.assert_sound()


@pytest.mark.parametrize("act", ["place", "cancel", "release", "return"])
async def test_what_arrived_while_somebody_waited_for_the_item_is_seen(shop, twin, act):
    """It has the reservation by then, and read what was owed to it before."""
    order_id, other = uuid7(), twin()
    await shop.backorder("A", 5)
    await shop.promise("k", order_id, A=3)
    if act in {"cancel", "return"}:
        items = [{"sku": "A", "quantity": 3}]
        await shop.hear("order.placed", order_id=order_id, reservation_key="k", items=items)

    async def end() -> None:
        if act == "release":
            await release_all(other.db, other.inventory.outbox, [Release("k", frozenset("A"))])
        else:
            kind = {"place": "order.placed", "cancel": "order.canceled", "return": "order.returned"}[act]
            items = [{"sku": "A", "quantity": 2}]
            await other.hear(kind, order_id=order_id, reservation_key="k", return_id=uuid7(), reason="", items=items)

    session = await asyncpg.connect(shop.db.dsn)
    try:
        async with session.transaction():
            await session.fetch("SELECT FROM items WHERE sku = 'A' FOR UPDATE")
            # Who counts is first in line for the item, who ends the reservation second, with that locked already.
            arriving = asyncio.create_task(shop.put("A", 2))
            await until_somebody_waits(session)
            ending = asyncio.create_task(end())
            async with asyncio.timeout(5):
                while await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < 2:
                    await asyncio.sleep(0.01)
        await asyncio.gather(arriving, ending)
    finally:
        await session.close()
    await shop.assert_sound()
    moved = [units for kind, units in await shop.movements("A") if kind in {"sale", "return"}]
    ended = {
        "place": ([-2], (0, 0), [(3, 2, "open")]),
        "cancel": ([-2, 2], (2, 0), [(3, 2, "canceled")]),
        "release": ([], (2, 0), [(3, 2, "canceled")]),
        # What comes back is what had left, and goes to who waits: this order itself.
        "return": ([-2, 2, -1], (1, 0), [(3, 3, "filled")]),
    }
    assert (moved, await shop.stock("A"), await shop.backorders("A")) == ended[act]
    assert await shop.discrepancies() == []


async def test_a_hold_of_what_is_owed_of_a_held_item_keeps_nobody_from_expiring(shop):
    await shop.backorder("HELD", 5)
    await shop.put("FREE", 5)
    await shop.reserve("waits", HELD=2, hold_seconds=-1)
    await shop.reserve("ends", FREE=2, hold_seconds=-1)
    session = await asyncpg.connect(shop.db.dsn)
    try:
        async with session.transaction():
            await session.fetch("SELECT FROM items WHERE sku = 'HELD' FOR UPDATE")
            async with asyncio.timeout(5):
                assert await expire_holds(shop.inventory) == 1
    finally:
        await session.close()
    assert (await shop.reservation("waits")).state is State.HELD
    assert await expire_holds(shop.inventory) == 1
    assert await shop.backorders("HELD") == [(2, 0, "expired")]
    await shop.assert_sound()


@pytest.mark.parametrize("act", ["reserve", "arrive", "cancel", "policy"])
async def test_what_is_cut_off_leaves_nothing_or_all_of_it(shop, monkeypatch, act):
    """Its session dies before each of the statements in turn; after the last a repeat finds it done."""
    statements = 1
    for cut in itertools.count(1):
        sku, key, order_id = f"A{cut}", f"k{cut}", uuid7()
        await shop.put(sku, 1)
        await shop.policy(sku, policy=Policy.BACKORDER, limit=9, lead_days=1, safety_stock={"main": 1})
        wave = wave_of([key], **{sku: 3})
        if act != "reserve":
            wave_order = wave[0].order_id
            await reserve_all(shop.db, shop.inventory.outbox, wave)
            items = [{"sku": sku, "quantity": 3}]
            await shop.hear("order.placed", order_id=wave_order, reservation_key=key, items=items)
            order_id = wave_order
        acts = {
            "reserve": lambda wave=wave: reserve_all(shop.db, shop.inventory.outbox, wave),
            "arrive": lambda sku=sku: shop.put(sku, 3),
            "cancel": lambda order_id=order_id, key=key: shop.hear(
                "order.canceled", order_id=order_id, reservation_key=key, reason=""
            ),
            "policy": lambda sku=sku: shop.policy(sku, policy=Policy.BACKORDER, limit=9, lead_days=1),
        }

        async def seen(sku=sku):
            return await shop.stock(sku), await shop.backorders(sku), await shop.movements(sku)

        before = await seen()
        with monkeypatch.context() as patched:
            asked = cut_before(patched, shop.db.dsn, cut)
            try:
                await acts[act]()
            except DatabaseUnavailable:
                assert await seen() == before
                await shop.assert_sound()
            else:
                break
        statements = len(asked)
        await acts[act]()
        after = await seen()
        assert after != before
        if act != "arrive":  # a second count is another
            await acts[act]()
            assert await seen() == after, "a repeat changes nothing"
        await shop.assert_sound()
    assert statements >= 3, "each was cut"


async def test_units_of_one_line_come_from_where_they_arrive(shop):
    """From several warehouses at once, where what was kept back in them no longer is."""
    await shop.db.execute("INSERT INTO warehouses (id, name, priority) VALUES ('annex', 'Annex', 200)")
    for warehouse in ("main", "annex"):
        await shop.put("A", 2, warehouse)
    kept = {"main": 2, "annex": 2}
    await shop.policy("A", policy=Policy.BACKORDER, limit=9, lead_days=1, safety_stock=kept)
    await shop.promise("k", uuid7(), A=3)
    await shop.policy("A", policy=Policy.BACKORDER, limit=9, lead_days=1)
    assert (await shop.reservation("k")).fills == (Fill("A", "main", 2), Fill("A", "annex", 1))
    assert await shop.backorders("A") == [(3, 3, "filled")]
    await shop.assert_sound()
