"""Inboxes over one database, run beside each other as those of several processes are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context

import asyncpg

from stoa.kit.db import Database
from stoa.kit.inbox import Inbox
from stoa.runtime.postgres import Postgres


@asynccontextmanager
async def drained(db: Database, *inboxes: Inbox) -> AsyncIterator[None]:
    """They run for the block, and then on until nothing that was accepted is left to do."""
    tasks = [asyncio.get_running_loop().create_task(each.run(), context=Context()) for each in inboxes]
    try:
        yield
        async with asyncio.timeout(60):
            while await db.fetchval("SELECT EXISTS (SELECT FROM inbox WHERE done_at IS NULL)"):
                await asyncio.sleep(0.02)
    finally:
        for each in inboxes:
            await each.stop()
        await asyncio.gather(*tasks, return_exceptions=True)


async def deadlocks(postgres: Postgres, *pools: Database) -> int:
    """How many there were in the database of these pools: a session has told what it counted when it has ended."""
    name = pools[0].dsn.rpartition("/")[2]
    for pool in pools:
        await pool.close()
    admin = await asyncpg.connect(postgres.dsn())
    try:
        async with asyncio.timeout(10):
            while await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name):
                await asyncio.sleep(0.02)
        return int(await admin.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = $1", name))
    finally:
        await admin.close()
