"""Rows that somebody else holds, and who waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from stoa.kit.db import Database


@asynccontextmanager
async def held(dsn: str, rows: str, key: str) -> AsyncIterator[None]:
    """For the block another session holds these rows."""
    session = await asyncpg.connect(dsn)
    try:
        async with session.transaction():
            assert await session.fetch(rows, key), "there is nothing to hold"
            yield
    finally:
        await session.close()


async def waits(db: Database, statement: str) -> None:
    """Return once somebody waits for a lock of this database with a statement that has this in it."""
    asked = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1
    """
    async with asyncio.timeout(5):
        while not await db.fetchval(asked, f"%{statement}%"):
            await asyncio.sleep(0.005)
