"""Rows that somebody else holds: what a test waits under."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg


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
