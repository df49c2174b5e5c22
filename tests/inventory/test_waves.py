"""Many checkouts and many orders in one transaction: fair, of a bounded number of statements, all or nothing."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

import asyncpg
import holding
import pytest
from inventory.test_inbox import placed
from runners import deadlocks

from stoa.kit import context, many
from stoa.kit.db import LOCK_SECONDS, DatabaseUnavailable, lock_wait
from stoa.kit.ids import uuid7
from stoa.kit.many import UnderWay
from stoa.services.inventory.allocation import STRATEGIES
from stoa.services.inventory.errors import OutOfStock
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.give_back import Release, release_all
from stoa.services.inventory.handlers import handle_batch, handlers
from stoa.services.inventory.holds import ReservationRequest
from stoa.services.inventory.release import release_many
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.reserve import reserve_all
from stoa.services.inventory.states import State

ANNEX = "INSERT INTO warehouses (id, name, priority) VALUES ('annex', 'Annex', 200)"


def wave_of(keys, **lines) -> list[ReservationRequest]:
    return [ReservationRequest(key, lines, 900, uuid7()) for key in keys]


async def reserve_wave(shop, wave) -> list[object]:
    """As a checkout does it: whoever is under way is asked for again, alone."""
    origins = [context.current()] * len(wave)
    answers = await shop.inventory.reserving.submit_many(wave, origins)
    for at, answer in enumerate(answers):
        if isinstance(answer, UnderWay):
            (answers[at],) = await shop.inventory.reserving.submit_many(wave[at : at + 1], origins[:1])
    return answers


async def release_wave(shop, keys) -> list[object]:
    answers = await release_many(shop.inventory, keys, [context.current()] * len(keys))
    for at, answer in enumerate(answers):
        if isinstance(answer, UnderWay):
            (answers[at],) = await release_many(shop.inventory, keys[at : at + 1], [context.current()])
    return answers


async def sell(shop, events) -> None:
    async with shop.db.transaction() as tx:
        assert await handle_batch(tx, events) == []


async def test_a_flash_sale_goes_to_those_who_came_first(shop):
    await shop.put("HOT", 100)
    wave = wave_of((f"buyer-{at:04}" for at in range(1000)), HOT=1)
    answers = await reserve_wave(shop, wave)
    assert [isinstance(answer, Reservation) for answer in answers] == [True] * 100 + [False] * 900
    assert all(isinstance(answer, OutOfStock) for answer in answers[100:])
    assert {answer.state for answer in answers[:100]} == {State.ALLOCATED}
    assert await shop.stock("HOT") == (100, 100)
    assert (await shop.announced())[-1] == ("inventory.sold_out", "HOT", 2, 0)
    assert await shop.db.fetchval("SELECT count(*) FROM reservations") == 100
    # What was refused is undone all the same, and what was not goes to the next.
    states = await release_wave(shop, [one.key for one in wave[99:]])
    assert states == [State.RELEASED] * 901
    assert await shop.stock("HOT") == (100, 99)
    assert (await shop.announced())[-1] == ("inventory.back_in_stock", "HOT", 3, 1)
    await shop.assert_sound()


async def test_a_flash_sale_in_three_processes_sells_each_unit_once(shop, twin):
    await shop.put("HOT", 100)
    shops = [shop, twin(), twin()]
    waves = [wave_of((f"{name}-{at}" for at in range(100)), HOT=1) for name in "abc"]
    answers = await asyncio.gather(*map(reserve_wave, shops, waves))
    granted = [[isinstance(answer, Reservation) for answer in each] for each in answers]
    assert sum(map(sum, granted)) == 100
    assert all(each == sorted(each, reverse=True) for each in granted), "in each process in the order of arrival"
    assert await shop.stock("HOT") == (100, 100)
    assert [one[0] for one in await shop.announced()] == ["inventory.back_in_stock", "inventory.sold_out"]
    await shop.assert_sound()


@pytest.mark.parametrize(("orders", "lines"), [(1, 1), (1, 20), (1, 1000), (20, 1), (200, 5)])
async def test_a_wave_costs_what_one_order_costs(shop, asked, monkeypatch, orders, lines):
    monkeypatch.setattr(many, "WAIT_SECONDS", 60)  # else who takes long on a busy machine is asked for again
    skus = [f"S{at:04}" for at in range(lines)]
    async with shop.db.transaction() as tx:
        await tx.execute("INSERT INTO items (sku) SELECT unnest($1::text[])", skus)
        await tx.execute("INSERT INTO stock (sku, warehouse_id, on_hand) SELECT sku, 'main', 1000 FROM items")
        await tx.execute(
            "INSERT INTO stock_movements (sku, warehouse_id, kind, quantity) "
            "SELECT sku, 'main', 'opening', 1000 FROM items"
        )
    wanted = dict.fromkeys(skus, 1)
    sold, given_back = (wave_of((f"{name}-{at}" for at in range(orders)), **wanted) for name in ("sold", "back"))

    async def cost(act) -> int:
        asked.clear()
        await act
        return len(asked)

    assert await cost(reserve_wave(shop, sold)) == 3
    assert await cost(reserve_wave(shop, given_back)) == 3
    assert await cost(reserve_wave(shop, sold)) == 5, "a repeat"
    events = [placed(one.order_id, one.key, wanted) for one in sold]
    assert await cost(sell(shop, events)) == 2, "what sells goes out with the COMMIT"
    assert await cost(sell(shop, events)) == 2, "a repeat"
    assert await cost(release_wave(shop, [one.key for one in given_back])) == 7
    assert await cost(release_wave(shop, [f"unknown-{at}" for at in range(orders)])) == 4
    assert await shop.stock(skus[0]) == (1000 - orders, 0)
    await shop.assert_sound()


@pytest.mark.parametrize(("orders", "lines"), [(1, 1), (1, 20), (1, 1000), (20, 5)])
async def test_what_is_owed_and_where_it_comes_from_cost_a_statement_each(shop, asked, monkeypatch, orders, lines):
    monkeypatch.setattr(many, "WAIT_SECONDS", 60)
    skus = [f"S{at:04}" for at in range(lines)]
    async with shop.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO items (sku, policy, backorder_limit, lead_days, version) "
            "SELECT sku, 'backorder', 1000, 14, 1 FROM unnest($1::text[]) AS sku",
            skus,
        )
        await tx.execute("INSERT INTO stock (sku, warehouse_id) SELECT sku, 'main' FROM items")
    wanted = dict.fromkeys(skus, 1)
    waves = [wave_of((f"{name}-{at}" for at in range(orders)), **wanted) for name in ("owed", "near")]

    async def cost(act) -> int:
        asked.clear()
        await act
        return len([each for each in asked if "event_log" not in each])

    assert await cost(reserve_wave(shop, waves[0])) == 4
    assert await cost(reserve_all(shop.db, shop.inventory.outbox, waves[1], STRATEGIES["nearest"])) == 5
    events = [placed(one.order_id, one.key, wanted) for one in waves[0]]
    assert await cost(sell(shop, events)) == 2
    # A count of the first: what arrives is given to all who wait for it at once.
    before = await cost(shop.put(skus[0], 1))
    assert await cost(shop.put(skus[0], orders)) == before
    # What is owed is looked at again, and owed no more.
    assert await cost(release_wave(shop, [one.key for one in waves[1]])) <= 11
    await shop.assert_sound()


TAKES_IT = """
    WITH other AS (
        INSERT INTO reservations (id, key, state, order_id)
        VALUES (gen_random_uuid(), 'other', 'allocated', gen_random_uuid()) RETURNING id
    ), line AS (
        INSERT INTO reservation_lines (reservation_id, sku, warehouse_id, quantity) SELECT id, 'A', 'main', 1 FROM other
    )
    UPDATE stock SET reserved = reserved + 1, version = version + 1, holds = holds + 1 WHERE sku = 'A'
"""
GIVES_IT_BACK = """
    WITH other AS (UPDATE reservations SET state = 'released' WHERE key = 'other')
    UPDATE stock SET reserved = reserved - 1, version = version + 1, holds = holds + 1 WHERE sku = 'A'
"""
OPENS_A_SHELF = """
    WITH shelf AS (INSERT INTO stock (sku, warehouse_id, on_hand, version) VALUES ('A', 'annex', 5, 1))
    INSERT INTO stock_movements (sku, warehouse_id, kind, quantity) VALUES ('A', 'annex', 'opening', 5)
"""


@pytest.mark.parametrize(
    ("before", "meanwhile", "granted", "announced"),
    [
        (None, TAKES_IT, False, []),
        (TAKES_IT, GIVES_IT_BACK, True, [("inventory.sold_out", "A", 4, 0)]),
        (None, OPENS_A_SHELF, True, []),
    ],
    ids=["takes it", "gives it back", "opens a shelf"],
)
async def test_what_another_did_while_the_wave_waited_for_its_lock_is_seen(
    shop, asked, before, meanwhile, granted, announced
):
    await shop.db.execute(ANNEX)
    await shop.put("A", 1)
    if before:
        await shop.db.execute(before)
    told = await shop.announced()
    wave = wave_of(["k"], A=1)
    session = await asyncpg.connect(shop.db.dsn)
    try:
        async with session.transaction():
            await session.fetch("SELECT FROM items WHERE sku = 'A' FOR UPDATE")
            asked.clear()
            reserving = asyncio.create_task(reserve_all(shop.db, shop.inventory.outbox, wave))
            async with asyncio.timeout(1):
                while not await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.01)
            await session.execute(meanwhile)
        (answer,) = await reserving
    finally:
        await session.close()
    assert isinstance(answer, Reservation if granted else OutOfStock)
    assert sum(sql.startswith("WITH known AS") for sql in asked) == 2, "it was read again, under the same locks"
    assert "ROLLBACK" not in asked
    assert (await shop.announced())[len(told) :] == announced
    await shop.assert_sound()


@pytest.mark.parametrize("act", ["reserve", "release", "sell"])
async def test_a_wave_that_is_cut_off_leaves_nothing_or_all_of_it(shop, monkeypatch, act):
    """Its session dies before each of the statements in turn; after the last a repeat finds it done."""
    for sku in ("A", "B"):
        await shop.put(sku, 100)
    statements = 1
    for cut in itertools.count(1):
        keys = [f"{cut}-{at}" for at in range(3)]
        wave = wave_of(keys, A=1, B=2)
        events = [placed(one.order_id, one.key, {"A": 1, "B": 2}) for one in wave]
        if act != "reserve":
            await reserve_wave(shop, wave)
        before = (await shop.stock("A"), await shop.stock("B"))
        acts = {
            "reserve": lambda wave=wave: reserve_all(shop.db, shop.inventory.outbox, wave),
            "release": lambda keys=keys: release_all(
                shop.db, shop.inventory.outbox, [Release(key, frozenset("AB")) for key in [*keys, "unknown"]]
            ),
            "sell": lambda events=events: sell(shop, events),
        }
        with monkeypatch.context() as patched:
            asked = cut_before(patched, shop.db.dsn, cut)
            try:
                await acts[act]()
            except DatabaseUnavailable:
                assert (await shop.stock("A"), await shop.stock("B")) == before
                await shop.assert_sound()
            else:
                break
        statements = len(asked)
        await acts[act]()
        after = (await shop.stock("A"), await shop.stock("B"))
        assert after != before
        await acts[act]()
        assert (await shop.stock("A"), await shop.stock("B")) == after, "a repeat changes nothing"
        await shop.assert_sound()
    assert statements >= 3, "each was cut"


def cut_before(patched, dsn: str, number: int) -> list[str]:
    """Have the session end before it gets the statement of that number; all that it was asked before."""
    asked: list[str] = []
    execute = asyncpg.Connection.execute

    def counted(run):
        async def method(self, sql, *arguments, **more):
            asked.append(sql)
            if len(asked) == number:
                other = await asyncpg.connect(dsn)
                await execute(other, f"SELECT pg_terminate_backend({self.get_server_pid()}, 10000)")
                await other.close()
            return await run(self, sql, *arguments, **more)

        return method

    for name in ("fetch", "execute", "fetchrow", "fetchval"):
        patched.setattr(asyncpg.Connection, name, counted(getattr(asyncpg.Connection, name)))
    return asked


async def test_waves_of_all_acts_race_without_loss_or_deadlock(shop, twin, postgres):
    """Reserve, release, sell, count and expire, in waves that cross, each repeated by another process."""
    chance = random.Random(3)
    skus = [f"S{at}" for at in range(8)]
    for sku in skus:
        await shop.put(sku, 2000)
    shops = [shop, twin(), twin()]
    sold: set[str] = set()

    async def checkouts(number):
        for turn in range(6):
            wave = [
                ReservationRequest(f"{number}-{turn}-{at}", dict.fromkeys(chance.sample(skus, 3), 1), 900, uuid7())
                for at in range(12)
            ]
            mine, other = shops[number % 3], shops[(number + 1) % 3]
            firsts, seconds = await asyncio.gather(reserve_wave(mine, wave), reserve_wave(other, wave))
            assert [one.id for one in firsts] == [one.id for one in seconds]
            placed_ones, failed = wave[:8], wave[8:]
            events = [placed(one.order_id, one.key, dict(one.lines)) for one in placed_ones]
            sold.update(one.key for one in placed_ones)
            keys = [one.key for one in failed] + [f"never-{number}-{turn}-{at}" for at in range(3)]
            await asyncio.gather(
                sell(mine, events),
                sell(other, events),
                release_wave(mine, keys),
                release_wave(other, keys),
                reserve_wave(shops[(number + 2) % 3], wave_of(keys[-3:], S1=1, S0=1)),
            )

    async def staff(one):
        for turn in range(6):
            await asyncio.gather(*(one.reserve(f"{id(one)}-{turn}-{at}", -1, S0=1, S5=1) for at in range(4)))
            await one.put(chance.choice(skus), 1900 + turn)
            await expire_holds(one.inventory)

    await asyncio.gather(*map(checkouts, range(6)), *map(staff, shops))
    await expire_holds(shop.inventory)
    states = {row["key"]: row["state"] for row in await shop.db.fetch("SELECT key, state FROM reservations")}
    assert {key for key, state in states.items() if state == "committed"} == sold
    assert set(states.values()) == {"committed", "released", "expired"}
    assert await shop.db.fetchval("SELECT sum(reserved) FROM stock") == 0
    assert await shop.db.fetchval("SELECT -sum(quantity) FROM stock_movements WHERE kind = 'sale'") == 3 * len(sold)
    assert await shop.discrepancies() == []
    await shop.assert_sound()
    assert await deadlocks(postgres, *(one.db for one in shops)) == 0


async def test_a_held_item_stops_those_of_a_wave_who_need_it_and_no_other(shop):
    for sku in ("A", "X"):
        await shop.put(sku, 100)
    wave = [*wave_of((f"k{at}" for at in range(10)), A=1), *wave_of(["stuck"], A=1, X=1)]
    await reserve_wave(shop, wave_of(["back"], A=1, X=1))
    async with holding.held(shop.db.dsn, "SELECT FROM items WHERE sku = $1 FOR UPDATE", "X"):
        waiting = [
            asyncio.create_task(reserve_wave(shop, [wave[-1]])),
            asyncio.create_task(release_wave(shop, ["back"])),
        ]
        started = time.monotonic()
        answers = await asyncio.gather(reserve_wave(shop, wave[:-1]), release_wave(shop, ["never", "nor this"]))
        assert time.monotonic() - started < LOCK_SECONDS
        assert [one.state for one in answers[0]] == [State.ALLOCATED] * 10
        assert answers[1] == [State.RELEASED] * 2
        assert not any(each.done() for each in waiting)
    assert (await waiting[0])[0].state is State.ALLOCATED
    assert await waiting[1] == [State.RELEASED]
    assert (await shop.stock("A"), await shop.stock("X")) == ((100, 11), (100, 1))
    await shop.assert_sound()


async def test_orders_of_all_kinds_in_one_batch_race_with_who_buys(shop, twin, postgres):
    """Placed, canceled and sent back, in batches of two processes that lock the same, beside reservations of it."""
    chance = random.Random(5)
    skus = [f"S{at}" for at in range(6)]
    for sku in skus:
        await shop.put(sku, 1000)
    wave = [
        ReservationRequest(f"order-{at}", dict.fromkeys(chance.sample(skus, 3), 1), 900, uuid7()) for at in range(60)
    ]
    assert all(isinstance(one, Reservation) for one in await reserve_wave(shop, wave))
    shops = [shop, twin()]

    types = {
        one.key: chance.choice(["order.placed", "order.placed", "order.canceled", "order.returned"]) for one in wave
    }
    events = [placed(one.order_id, one.key, dict(one.lines), event_type=types[one.key]) for one in wave]
    batches = [events[at : at + 20] for at in range(0, 60, 20)]

    async def handle(one, events):
        for _ in range(2):
            # Long enough for a busy machine: who waits in a circle is found after a second.
            with lock_wait(30):
                async with one.db.transaction() as tx:
                    for left in await handle_batch(tx, events):
                        await handlers(one.inventory.outbox)[left.type](tx, left)

    async def buy(one, name):
        for at in range(10):
            await one.promise(f"{name}-{at}", uuid7(), **dict.fromkeys(chance.sample(skus, 4), 1))
            await release_wave(one, [f"{name}-{at}"])

    await asyncio.gather(
        *(handle(one, events) for one in shops for events in batches),
        *(buy(one, f"{number}-{at}") for number, one in enumerate(shops) for at in range(3)),
    )
    states = {row["key"]: row["state"] for row in await shop.db.fetch("SELECT key, state FROM reservations")}
    for key, event_type in types.items():
        assert states[key] == ("released" if event_type == "order.canceled" else "committed")
    gone = list(types.values()).count("order.placed")
    assert await shop.db.fetchval("SELECT sum(on_hand) FROM stock") == 6000 - 3 * gone
    assert await shop.db.fetchval("SELECT sum(reserved) FROM stock") == 0
    assert await shop.discrepancies() == []
    await shop.assert_sound()
    assert await deadlocks(postgres, *(one.db for one in shops)) == 0
