"""What the kit asks now and then, on the database of a shop that was busy for a month, or in which much went wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.kit.events.system import until
from tests.volume import ROWS, fill, read_by

from stoa.kit import clock, depth, idempotency, inbox_repository, outbox, relay, streams
from stoa.kit.depth import Depth
from stoa.kit.idempotency import IdempotencyKeys
from stoa.kit.inbox import Inbox
from stoa.kit.rounds import ONE_ROUND
from stoa.kit.service import Service

EVENT = "event_id, type, subject, aggregate_version, time, traceparent, data"
AN_EVENT = "md5(n::text)::uuid, 'order.placed', 's' || n, 1, {time}, '', '{{}}'"
SMALL = 20 * ONE_ROUND
"""Rows, and at a few pages for each index that one is found in and taken out of:"""
PAGES = 40 * ONE_ROUND


async def test_logs_that_are_kept_are_not_read_and_what_is_old_goes_in_rounds(database) -> None:
    db = await database("order")
    await fill(db, "event_log", EVENT, AN_EVENT.format(time="now() - interval '1 day'"))
    columns = EVENT.replace("aggregate_version", "source, aggregate_version") + ", done_at"
    await fill(db, "inbox", columns, "md5(n::text)::uuid, 'a', 's' || n, 'order', 1, now(), '', '{}', now()")
    await fill(db, "idempotency_keys", "scope, key, claim, session, body_hash", "'s', n, md5(n::text)::uuid, '', ''")
    before = clock.now() - outbox.KEPT
    for sql, *arguments in (
        (outbox.PRUNE, 0, before, ONE_ROUND),
        (inbox_repository.PRUNE, inbox_repository.KEPT, ONE_ROUND),
        (idempotency.PRUNE, idempotency.KEPT, ONE_ROUND),
        (inbox_repository.TAKE_NEXT,),
        (inbox_repository.DUE,),
        (relay.OWED, "inventory", list(range(16)), True),
        (relay.ANYTHING_OWED, ["inventory", "notification"]),
    ):
        read = await read_by(db, sql, *arguments, by_index=True)
        assert read.rows <= SMALL, sql
        assert read.pages <= PAGES, sql
    for sql, *arguments in ((relay.ANYTHING_OWED, ["inventory"]), (inbox_repository.DUE,), (depth.READ,)):
        assert (await read_by(db, sql, *arguments)).rows <= 10, sql

    await db.execute("UPDATE event_log SET time = now() - interval '31 days' WHERE id <= 2500")
    await db.execute("UPDATE inbox SET done_at = now() - interval '31 days' WHERE seq <= 2500")
    await db.execute("UPDATE idempotency_keys SET claimed_at = now() - interval '3 days' WHERE key::int <= 2500")
    await fill(db, "outbox", "recipient, id, shard", "'inventory', n, 0", rows=10)
    for sql, *arguments in (
        (outbox.PRUNE, 0, before, ONE_ROUND),
        (inbox_repository.PRUNE, inbox_repository.KEPT, ONE_ROUND),
        (idempotency.PRUNE, idempotency.KEPT, ONE_ROUND),
    ):
        read = await read_by(db, sql, *arguments, by_index=True)
        assert ONE_ROUND <= read.rows <= SMALL, sql
        assert read.pages <= PAGES, sql
    assert await outbox.prune(db) == 2490  # what is owed stays
    assert await inbox_repository.prune(db) == 2500
    await IdempotencyKeys(db).prune()
    assert await db.fetchval("SELECT count(*) FROM idempotency_keys") == ROWS - 2500


async def test_a_recipient_that_is_away_for_days_makes_no_look_long(database) -> None:
    db = await database("order")
    await fill(db, "event_log", EVENT, AN_EVENT.format(time="now() - interval '40 days'"))
    await fill(db, "outbox", "recipient, id, shard", "'inventory', n, n % 16")
    for sql, *arguments in (
        (relay.OWED, "inventory", list(range(16)), True),
        (relay.OWED, "notification", list(range(16)), True),
        (relay.ANYTHING_OWED, ["inventory", "notification"]),
        (outbox.PRUNE, 0, clock.now(), ONE_ROUND),
    ):
        read = await read_by(db, sql, *arguments, by_index=True)
        assert read.rows <= SMALL, sql
        assert read.pages <= PAGES, sql
    for there in ("inventory", "somebody else"):
        assert (await read_by(db, relay.ANYTHING_OWED, [there])).rows <= 10
    read = await read_by(db, depth.READ)
    assert read.rows <= depth.MOST + 10
    now = await depth.depth(db)
    assert (now.outbox, now.outbox_oldest_seconds > 40 * 86_000) == (depth.MOST, True)


@pytest.mark.parametrize("head", ["parked", "waiting"])
async def test_what_is_behind_an_event_that_cannot_run_is_not_looked_at_again_and_again(database, run, head) -> None:
    """Half of it waits or is parked, each with another event of its subject behind it."""
    db = await database("notification")
    columns = "event_id, type, source, subject, aggregate_version, time, traceparent, data, parked_at, retry_at"
    state = {
        "parked": "CASE WHEN n % 2 = 1 THEN now() END, now() - interval '1 hour'",
        "waiting": "NULL, now() + CASE WHEN n % 2 = 1 THEN interval '1 hour' ELSE interval '-1 hour' END",
    }[head]
    values = f"md5(n::text)::uuid, 'order.placed', 'order', 's' || (n - 1) / 2, n, now(), '', '{{}}', {state}"
    await fill(db, "inbox", columns, values, rows=20_000)
    done = values.replace(state, "NULL, now()").replace("n::text", "'done' || n")
    await fill(db, "inbox", columns.replace("retry_at", "done_at"), done)
    for sql in (inbox_repository.TAKE_NEXT, inbox_repository.STEP_BACK, inbox_repository.DUE):
        read = await read_by(db, sql, by_index=True)
        assert read.rows <= SMALL, sql
        assert read.pages <= PAGES, sql

    async def handle(tx, event) -> None:
        pass

    runner = Inbox(Service(name="notification"), db, {"order.placed": handle})
    run(runner)
    await until(lambda: stepped_back(db))
    assert await db.fetchval("SELECT count(*) FROM inbox WHERE NOT done_at IS NULL") == ROWS
    for sql in (inbox_repository.TAKE_NEXT, inbox_repository.DUE):
        assert (await read_by(db, sql, by_index=True)).rows <= 10, sql
    now: Depth = await depth.depth(db)
    assert (now.inbox, now.inbox_parked) == ((0, depth.MOST) if head == "parked" else (depth.MOST, 0))


async def test_a_plan_made_while_nothing_was_there_is_by_index_too(database) -> None:
    db = await database("order")
    plan = "\n".join(row[0] for row in await db.fetch(f"EXPLAIN {inbox_repository.DUE}"))
    assert "Index Scan using inbox_due" in plan or "Index Only Scan using inbox_due" in plan


async def test_of_behavior_that_is_kept_only_what_is_new_is_read(database) -> None:
    db = await database("catalog")
    await fill(db, "stream_batches", "topic, batch, events, data", "'t' || n % 2, md5(n::text)::uuid, 1, ''")
    for sql, *arguments in (
        (streams.READ, "t0", ROWS - 50, 16),
        (streams.READ, "t0", 0, 16),
        (streams.PRUNE, "t0", clock.now() - timedelta(days=7), ONE_ROUND),
        (streams.COUNT, "t0", 0, streams.MOST_COUNTED),
    ):
        read = await read_by(db, sql, *arguments)
        assert read.rows <= SMALL, sql
        assert read.pages <= PAGES, sql


async def stepped_back(db) -> bool:
    """Nothing is due any more."""
    return not await db.fetchval(
        "SELECT EXISTS (SELECT FROM inbox WHERE done_at IS NULL AND parked_at IS NULL AND retry_at <= now())"
    )
