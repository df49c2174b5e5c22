"""Connections are lent in order, none is lost by whoever is cut off, and none outlives its pool."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from stoa.kit import pool as module
from stoa.kit.connection import Connection
from stoa.kit.pool import Closed, Pool


@pytest.fixture
async def pool_of(postgres):
    made = []

    async def connect() -> Connection:
        return await asyncpg.connect(postgres.dsn(), connection_class=Connection)

    def make(size: int) -> Pool:
        made.append(Pool(connect, size))
        return made[-1]

    yield make
    for each in made:
        await each.close(5)


async def test_who_waited_first_is_lent_first_and_who_gave_up_holds_nobody_up(pool_of):
    pool = pool_of(1)
    lent = await pool.take()
    order: list[int] = []

    async def use(n: int) -> None:
        connection = await pool.take()
        order.append(n)
        await connection.execute("SELECT 1")
        pool.give_back(connection)

    tasks = []
    for n in range(4):
        tasks.append(asyncio.create_task(use(n)))
        await asyncio.sleep(0)
    tasks[1].cancel()
    pool.give_back(lent)
    late = asyncio.create_task(use(4))
    await asyncio.gather(*tasks, late, return_exceptions=True)
    assert order == [0, 2, 3, 4]


async def test_one_that_is_cut_off_as_it_is_lent_is_not_lost(pool_of):
    pool = pool_of(1)
    for steps in range(12):
        taking = asyncio.create_task(pool.take())
        for _ in range(steps):
            await asyncio.sleep(0)
        if not taking.cancel():
            pool.give_back(await taking)
        await asyncio.gather(taking, return_exceptions=True)
    async with asyncio.timeout(5):
        pool.give_back(await pool.take())


async def test_one_that_cannot_be_opened_leaves_its_place(postgres):
    tries = 0

    async def connect() -> Connection:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError
        return await asyncpg.connect(postgres.dsn(), connection_class=Connection)

    pool = Pool(connect, 1)
    with pytest.raises(OSError):
        await pool.take()
    async with asyncio.timeout(5):
        pool.give_back(await pool.take())
    await pool.close(5)


STUBBORN = """
    DO $$ BEGIN
        PERFORM pg_sleep(30);
    EXCEPTION WHEN query_canceled THEN
        PERFORM pg_sleep(30);
    END $$
"""


async def cut_off(connection: Connection, sql: str) -> None:
    asking = asyncio.create_task(connection.execute(sql))
    await asyncio.sleep(0.1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_what_was_cut_off_is_waited_for_and_what_goes_on_nevertheless_is_thrown_away(pool_of, monkeypatch):
    pool = pool_of(1)
    connection = await pool.take()
    await cut_off(connection, "SELECT pg_sleep(30)")
    await pool.settle(connection)
    assert not connection.is_closed()
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.2)
    await cut_off(connection, STUBBORN)
    await pool.settle(connection)
    assert connection.is_closed()
    pool.give_back(connection)
    assert await pool.take() is not connection


async def test_closing_waits_for_who_uses_one_tells_who_waits_and_ends_who_stays(pool_of):
    pool = pool_of(2)
    quick, slow = await pool.take(), await pool.take()
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    started = time.monotonic()
    closing = asyncio.create_task(pool.close(1))
    await asyncio.sleep(0)
    with pytest.raises(Closed):
        await pool.take()
    pool.give_back(quick)
    with pytest.raises(Closed):
        await waiting
    await closing
    assert time.monotonic() - started >= 1
    assert quick.is_closed()
    assert slow.is_closed()
    pool.give_back(slow)
    await pool.close(60)
