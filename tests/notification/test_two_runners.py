"""Two processes hear of the same orders at once: nobody waits for who waits for them, and every mail goes out once."""

from __future__ import annotations

from functools import partial

import pytest
from notification.test_handlers import placed, refunded
from runners import deadlocks, drained

from stoa.app import SERVICES
from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.kit.inbox import Inbox
from stoa.kit.inbox_repository import BATCH
from stoa.services.notification.handlers import Post, handlers, write
from stoa.services.notification.mails import Mails

ROUNDS = 4


def runner(db: Database) -> Inbox:
    post = Post(Mails("Stoa"))
    return Inbox(SERVICES["notification"], db, handlers(post), partial(write, post))


@pytest.mark.parametrize("first_known", [True, False], ids=["known orders", "unknown orders"])
async def test_two_runners_and_many_orders(database, postgres, first_known):
    db = await database("notification")
    other = Database("notification", db.dsn, db.size)
    orders = sorted(uuid7() for _ in range(ROUNDS * BATCH))
    if first_known:
        await runner(db).accept([placed(order_id) for order_id in orders])
        async with drained(db, runner(db)):
            pass
    # Each batch of one kind meets one of the other, in which the same orders come the other way round.
    for at in range(0, len(orders), BATCH):
        some = orders[at : at + BATCH]
        await runner(db).accept([refunded(order_id, 100) for order_id in some])
        await runner(db).accept([placed(order_id) for order_id in reversed(some)])
    async with drained(db, runner(db), runner(other)):
        pass
    mails = await db.fetch("SELECT template, count(*), count(DISTINCT order_id) AS orders FROM deliveries GROUP BY 1")
    assert {row["template"]: (row["count"], row["orders"]) for row in mails} == {
        "order_confirmation": ((1 + first_known) * len(orders), len(orders)),
        "refund_issued": (len(orders), len(orders)),
    }
    assert await db.fetchval("SELECT count(*) FROM waiting_refunds") == 0
    assert await db.fetchval("SELECT max(attempts) FROM inbox") == 0
    assert await deadlocks(postgres, db, other) == 0
