"""The least that an event can take on this machine: a commit in one database, and for that one in another.

One statement in each and one round trip, asked by a process that does nothing else, on the shop's own server: no shop
that keeps each service's data apart and waits for the disk can have an effect sooner. PostgreSQL notes both, as it
does for `bench.events`.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg

from bench.shop import Shop

DATABASES = ("bench_announcer", "bench_hearer")
TABLES = "CREATE TABLE fact (id uuid PRIMARY KEY); CREATE TABLE effect (id uuid PRIMARY KEY)"
SAY = "INSERT INTO fact SELECT unnest($1::uuid[])"
HEAR = "WITH heard AS (INSERT INTO fact SELECT unnest($1::uuid[])) INSERT INTO effect SELECT unnest($1::uuid[])"
COMMITTED = "SELECT id, pg_xact_commit_timestamp(xmin) AS at FROM fact"


async def took(shop: Shop, count: int, at_once: int, pause_seconds: float) -> list[float]:
    """Seconds from commit to commit, for `count` times `at_once` rows with a pause between."""
    async with AsyncExitStack() as stack:
        for name in DATABASES:
            server = await shop.look("postgres")
            await server.execute(f"DROP DATABASE IF EXISTS {name}")
            await server.execute(f"CREATE DATABASE {name}")
        announcer, hearer = [await asyncpg.connect(shop.dsn(name)) for name in DATABASES]
        for each in (announcer, hearer):
            stack.push_async_callback(each.close)
            await each.execute(TABLES)
        for _ in range(count):
            ids = [uuid4() for _ in range(at_once)]
            await announcer.execute(SAY, ids)
            await hearer.execute(HEAR, ids)
            await asyncio.sleep(pause_seconds)
        said = {row["id"]: row["at"] for row in await announcer.fetch(COMMITTED)}
        return [(row["at"] - said[row["id"]]).total_seconds() for row in await hearer.fetch(COMMITTED)]
