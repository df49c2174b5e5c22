"""Two processes hear of the same orders at once: nobody waits for who waits for them, and every mail goes out once."""

from __future__ import annotations

import asyncio
from contextvars import Context

import asyncpg
import pytest
from notification.test_handlers import placed, refunded

from stoa.app import SERVICES
from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.kit.inbox import BATCH, Inbox
from stoa.runtime.postgres import Postgres
from stoa.services.notification.handlers import handlers, together
from stoa.services.notification.mails import Mails

ROUNDS = 4


def runner(db: Database) -> Inbox:
    return Inbox(SERVICES["notification"], db, handlers(Mails("Stoa")), together)


async def drain(runners: list[Inbox], db: Database) -> None:
    tasks = [asyncio.get_running_loop().create_task(each.run(), context=Context()) for each in runners]
    try:
        async with asyncio.timeout(60):
            while await db.fetchval("SELECT EXISTS (SELECT FROM inbox WHERE done_at IS NULL)"):
                await asyncio.sleep(0.05)
    finally:
        for each in runners:
            await each.stop()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("first_known", [True, False], ids=["known orders", "unknown orders"])
async def test_two_runners_and_many_orders(database, postgres, first_known):
    db = await database("notification")
    other = Database("notification", db.dsn, db.size)
    orders = sorted(uuid7() for _ in range(ROUNDS * BATCH))
    if first_known:
        await runner(db).accept([placed(order_id) for order_id in orders])
        await drain([runner(db)], db)
    # Each batch of one kind meets one of the other, in which the same orders come the other way round.
    for at in range(0, len(orders), BATCH):
        some = orders[at : at + BATCH]
        await runner(db).accept([refunded(order_id, 100) for order_id in some])
        await runner(db).accept([placed(order_id) for order_id in reversed(some)])
    await drain([runner(db), runner(other)], db)
    mails = await db.fetch("SELECT template, count(*), count(DISTINCT order_id) AS orders FROM deliveries GROUP BY 1")
    assert {row["template"]: (row["count"], row["orders"]) for row in mails} == {
        "order_confirmation": ((1 + first_known) * len(orders), len(orders)),
        "refund_issued": (len(orders), len(orders)),
    }
    assert await db.fetchval("SELECT count(*) FROM waiting_refunds") == 0
    assert await db.fetchval("SELECT max(attempts) FROM inbox") == 0
    assert await deadlocks(postgres, db, other) == 0


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
