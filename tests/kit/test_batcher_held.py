"""Somebody else holds rows of a real database: who needs them waits with nothing in hand, and all others go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from timing import timed

from stoa.kit import batcher as kit_batcher
from stoa.kit.batcher import FIRST_WAIT_SECONDS, Batcher, ShuttingDown
from stoa.kit.db import LOCK_SECONDS, Database, DatabaseUnavailable, Locked

LOCK = "SELECT name FROM rows WHERE name = ANY($1::text[]) ORDER BY name FOR UPDATE"
HELD = """
    WITH free AS MATERIALIZED (SELECT name FROM rows WHERE name = ANY($1::text[]) FOR UPDATE SKIP LOCKED)
    SELECT name, xmax::text AS holder FROM rows WHERE name = ANY($1::text[]) AND name NOT IN (SELECT name FROM free)
"""
QUEUEING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'"


class Rows:
    """A flush that locks the rows its items name by their letters, as a service does, and answers in small letters."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.batches: list[list[str]] = []
        self.looks: list[set[str]] = []

    async def __call__(self, items):
        self.batches.append(list(items))
        async with self.db.transaction() as tx:
            await tx.fetch(LOCK, sorted(set("".join(items))))
            await tx.execute("INSERT INTO done SELECT unnest($1::text[])", list(items))
        return [item.lower() for item in items]

    async def holders(self, locks):
        self.looks.append(set(locks))
        return {row["name"]: row["holder"] for row in await self.db.fetch(HELD, list(locks))}

    def batcher(self) -> Batcher[str, str]:
        return Batcher(self, locks=set, holders=self.holders)

    @asynccontextmanager
    async def held(self, names: str) -> AsyncIterator[None]:
        """For the block another session holds these rows."""
        session = await asyncpg.connect(self.db.dsn)
        try:
            async with session.transaction():
                await session.fetch(LOCK, list(names))
                yield
        finally:
            await session.close()

    async def busy(self) -> int:
        """How many of the pool's connections do or hold anything."""
        session = await asyncpg.connect(self.db.dsn)
        try:
            return await session.fetchval(BUSY, self.db.session)
        finally:
            await session.close()


@pytest.fixture
async def rows(database) -> Rows:
    db = await database("inventory")
    await db.execute("CREATE TABLE rows (name text PRIMARY KEY)")
    await db.execute("CREATE TABLE done (item text)")
    await db.execute("INSERT INTO rows SELECT chr(n) FROM generate_series(ascii('A'), ascii('Z')) AS n")
    return Rows(db)


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_who_needs_a_held_row_among_others_keeps_nobody_from_the_others(rows) -> None:
    batcher = rows.batcher()
    async with rows.held("K"):
        mixed = [asyncio.create_task(batcher.submit(each)) for each in ("AK", "BCK", "KZ", "K")]
        await until(lambda: rows.looks)
        met = len(rows.batches)
        others = [await timed(batcher.submit(each)) for each in ("A", "B", "AB", "Z", "C") * 4]
        assert [result for result, _ in others] == ["a", "b", "ab", "z", "c"] * 4
        assert max(took for _, took in others) < LOCK_SECONDS
        assert not any("K" in item for batch in rows.batches[met:] for item in batch), "tried in vain"
        assert not any(each.done() for each in mixed)
    assert await asyncio.gather(*mixed) == ["ak", "bck", "kz", "k"]
    # In the order in which they came, and together.
    assert rows.batches[-1] == ["AK", "BCK", "KZ", "K"]


async def test_those_of_a_batch_that_need_no_held_row_go_again_at_once(rows) -> None:
    batcher = rows.batcher()
    async with rows.held("K"):
        first = asyncio.create_task(batcher.submit("Z"))
        await asyncio.sleep(0)
        stuck = [asyncio.create_task(timed(batcher.submit(each))) for each in ("AK", "KL")]
        others = await asyncio.gather(*(timed(batcher.submit(each)) for each in ("A", "L", "B")))
        assert [result for result, _ in others] == ["a", "l", "b"]
        assert max(took for _, took in others) < LOCK_SECONDS
        assert await first == "z"
        assert {(await each)[0] for each in stuck} == {Locked}


async def test_who_waits_in_vain_is_locked_after_as_long_as_a_session_waits_and_had_no_connection(rows) -> None:
    batcher = rows.batcher()
    async with rows.held("KLMNO"):
        stuck = [asyncio.create_task(timed(batcher.submit(f"A{each}"))) for each in "KLMNO"]
        await until(lambda: len(rows.looks) > 1)
        assert len(rows.batches) == 1, "one wait for a lock finds all that are held"
        assert rows.looks[0] == set("AKLMNO")
        # But for the moment of a look nothing is asked of the database.
        assert min([await rows.busy() for _ in range(3)]) == 0
        ended = await asyncio.gather(*stuck)
        await until(lambda: batcher._watching is None)
    assert {result for result, _ in ended} == {Locked}
    assert all(LOCK_SECONDS <= took < 3 * LOCK_SECONDS for _, took in ended)
    assert len(rows.batches) == 1
    # Nobody waits, so nobody looks; who comes next looks first, and is served.
    looks = len(rows.looks)
    assert await batcher.submit("AK") == "ak"
    assert len(rows.looks) == looks + 1
    assert rows.looks[-1] == set("KLMNO")


async def test_who_waits_longer_for_a_lock_that_goes_from_hand_to_hand_gets_it(rows) -> None:
    """The row is never free when it is looked at. Whoever queues for it has his turn."""
    batcher = rows.batcher()
    going_on = True

    async def hold_again_and_again() -> None:
        while going_on:
            async with rows.held("K"):
                await asyncio.sleep(0.2)

    others = [asyncio.create_task(hold_again_and_again()) for _ in range(3)]
    async with asyncio.timeout(5):
        while await rows.db.fetchval(QUEUEING) < 2:
            await asyncio.sleep(0.01)
    try:
        result, took = await timed(batcher.submit("AK"))
    finally:
        going_on = False
        await asyncio.gather(*others)
    assert result == "ak", (rows.batches, rows.looks, took)
    assert took > FIRST_WAIT_SECONDS
    assert len(rows.looks) > 1


async def test_what_was_let_go_meanwhile_is_tried_again_as_a_whole(rows, monkeypatch) -> None:
    batcher = rows.batcher()
    found = rows.holders

    async def let_go_before_it_is_asked(locks):
        await session.close()
        return await found(locks)

    session = await asyncpg.connect(rows.db.dsn)
    await session.execute("BEGIN")
    await session.fetch(LOCK, ["K"])
    batcher._queue.held._holders = let_go_before_it_is_asked
    assert await asyncio.gather(*(batcher.submit(each) for each in ("A", "BK", "C"))) == ["a", "bk", "c"]
    assert rows.batches == [["A", "BK", "C"]] * 2


async def test_who_is_asked_last_keeps_his_place_while_others_are_served(rows) -> None:
    """Nobody passes for ever: once the lock is free, who needs it and much else goes before those who came later."""
    batcher = rows.batcher()
    order: list[str] = []

    async def ask(item: str) -> None:
        order.append(await batcher.submit(item))

    async def go_on_asking() -> None:
        while "ak" not in order:
            await ask("A")

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks, rows.held("K"):
        tasks.create_task(ask("AK"))
        await until(lambda: rows.looks)
        for _ in range(5):
            tasks.create_task(go_on_asking())
        await until(lambda: len(order) > 20)
    assert "ak" in order


async def test_a_caller_that_goes_away_waits_no_more(rows) -> None:
    batcher = rows.batcher()
    async with rows.held("K"):
        gone, stays = (asyncio.create_task(batcher.submit(each)) for each in ("AK", "BK"))
        await until(lambda: rows.looks)
        gone.cancel()
    assert await stays == "bk"
    assert rows.batches[1:] == [["BK"]]
    async with rows.held("K"):
        gone = asyncio.create_task(batcher.submit("AK"))
        await until(lambda: len(rows.batches) == 3)
        gone.cancel()
        await until(lambda: batcher._watching is None and not batcher._flushes)


async def test_closing_answers_who_waits_for_a_held_row(rows) -> None:
    batcher = rows.batcher()
    async with rows.held("K"):
        stuck = asyncio.create_task(batcher.submit("AK"))
        await until(lambda: rows.looks)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        assert not closing.done()
    await closing
    assert stuck.result() == "ak"


async def test_closing_has_an_end_while_a_row_is_held(rows) -> None:
    batcher = rows.batcher()
    async with rows.held("K"):
        stuck = asyncio.create_task(timed(batcher.submit("AK")))
        await until(lambda: rows.looks)
        await asyncio.wait_for(batcher.close(within_seconds=0.05), 1)
        assert (await stuck)[0] is ShuttingDown
    assert batcher._watching is None


async def test_a_lock_that_has_no_name_stops_those_who_meet_it_alone(rows) -> None:
    """What the flush waits for is no row of an item: so it is found out who of them meets it."""

    async def also(items):
        if "X" in "".join(items):
            async with rows.db.transaction() as tx:
                await tx.execute("LOCK TABLE other IN ACCESS EXCLUSIVE MODE")
        return await rows(items)

    await rows.db.execute("CREATE TABLE other ()")
    batcher: Batcher[str, str] = Batcher(also, locks=set, holders=rows.holders)
    session = await asyncpg.connect(rows.db.dsn)
    async with session.transaction():
        await session.execute("LOCK TABLE other")
        results = await asyncio.gather(*(timed(batcher.submit(each)) for each in ("A", "X", "B")))
    await session.close()
    assert [result for result, _ in results] == ["a", Locked, "b"]
    assert results[1][1] < 4 * LOCK_SECONDS
    assert await batcher.submit("X") == "x"


async def test_where_a_whole_table_is_held_everybody_is_told_so(rows) -> None:
    batcher = rows.batcher()
    session = await asyncpg.connect(rows.db.dsn)
    async with session.transaction():
        await session.execute("LOCK TABLE rows")
        results = await asyncio.gather(*(timed(batcher.submit(each)) for each in ("A", "B")))
    await session.close()
    assert {result for result, _ in results} == {Locked}
    assert await asyncio.gather(batcher.submit("A"), batcher.submit("B")) == ["a", "b"]


async def test_what_keeps_from_looking_is_told_to_who_waits(rows) -> None:
    batcher = rows.batcher()
    async with rows.held("K"):
        stuck = asyncio.create_task(timed(batcher.submit("AK")))
        await until(lambda: rows.looks)
        await rows.db.close()
        assert (await stuck)[0] is DatabaseUnavailable


async def test_who_comes_while_an_idle_flush_ends_is_not_forgotten() -> None:
    """One that found nobody who may go has ended, and nobody has noticed yet."""
    go_on = asyncio.Event()

    async def flush(items):
        if "K" in items:
            await go_on.wait()
        return items

    batcher: Batcher[str, str] = Batcher(flush, locks=set)
    slow = [asyncio.create_task(batcher.submit("K"))]
    async with asyncio.timeout(5):
        while not any(batcher._flushes.values()):
            await asyncio.sleep(0)
        slow.append(asyncio.create_task(batcher.submit("K")))
        while len(batcher._flushes) < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await batcher.submit("A") == "A"
    go_on.set()
    assert await asyncio.gather(*slow) == ["K", "K"]


@pytest.mark.parametrize("most", [1, 256])
async def test_where_nothing_is_held_nobody_looks(rows, monkeypatch, most) -> None:
    monkeypatch.setattr(kit_batcher, "LOOK_AGAIN_SECONDS", 0)
    batcher: Batcher[str, str] = Batcher(rows, locks=set, holders=rows.holders, most=most)
    assert await asyncio.gather(*(batcher.submit(each) for each in "ABC")) == ["a", "b", "c"]
    assert rows.looks == []
    assert rows.batches == ([["A"], ["B"], ["C"]] if most == 1 else [["A", "B", "C"]])
