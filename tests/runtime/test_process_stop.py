"""A process that is told to stop finishes what is in flight, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from stoa.kit.db import TIME_OUTS
from stoa.runtime import settings

TABLES = """
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""


def person() -> dict:
    return {
        "email": f"{uuid4().hex}@example.com",
        "password": "a long passphrase",
        "first_name": "Ada",
        "last_name": "Lovelace",
    }


async def register(http: aiohttp.ClientSession) -> dict:
    async with http.post("/api/v1/auth/register", json=person()) as answer:
        assert answer.status == 201, await answer.text()
        return await answer.json()


async def test_stopping_finishes_the_request_in_flight_and_takes_no_more(shop_with, monkeypatch) -> None:
    monkeypatch.setitem(TIME_OUTS, "lock_timeout", "15s")
    shop = await shop_with()
    async with shop.databases["auth"].transaction() as tx:
        await tx.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(register(shop.http))
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(5):
            while not await tx.fetchval(blocked):
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(shop.process.stop())
        async with asyncio.timeout(5):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", shop.process.port)
                    writer.close()
                    await asyncio.sleep(0.01)
                except ConnectionResetError:
                    continue  # it waited in the listener's queue when that closed
                except ConnectionRefusedError:
                    break
        assert not waiting.done()
    assert (await waiting)["user"]["first_name"] == "Ada"
    await asyncio.wait_for(stopping, 20)


async def test_nothing_is_left_running(shop_with) -> None:
    before = asyncio.all_tasks()
    shop = await shop_with()
    await register(shop.http)
    await shop.process.stop()
    await shop.http.close()
    left = {str(task.get_coro()) for task in asyncio.all_tasks() - before}
    assert left == set()


@pytest.mark.parametrize("patience", [TIME_OUTS["lock_timeout"], "0"])
async def test_stopping_has_an_end_while_somebody_holds_what_everything_waits_for(
    shop_with, monkeypatch: pytest.MonkeyPatch, patience: str
) -> None:
    """Also where a database gives nobody up: all parts together have one limit."""
    monkeypatch.setitem(TIME_OUTS, "lock_timeout", patience)
    monkeypatch.setattr(settings, "BEHIND_SECONDS", 2.0)
    shop = await shop_with(finish_seconds=1)
    sessions = {name: await asyncpg.connect(db.dsn) for name, db in shop.databases.items()}
    async with AsyncExitStack() as held:
        for session in sessions.values():
            await held.enter_async_context(session.transaction())
            tables = await session.fetch(TABLES)
            await session.execute(f"LOCK TABLE {', '.join(row['name'] for row in tables)} IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(shop.http.post("/api/v1/auth/register", json=person()))
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(5):
            while not await sessions["auth"].fetchval(blocked):
                await asyncio.sleep(0.01)
        started = time.monotonic()
        await shop.process.stop()
        assert time.monotonic() - started < 1 + 2 + 2
        assert (await waiting).status == 503
    assert await sessions["auth"].fetchval("SELECT count(*) FROM users") == 0
    for session in sessions.values():
        await session.close()
