"""The inbox's statements: what came, what is next, what failed, what is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from operator import itemgetter

import asyncpg

from stoa.kit import parking
from stoa.kit.by_index import PLAN_AS_USUAL, plan_by_index
from stoa.kit.db import Database, Transaction, affected, later
from stoa.kit.events import Event
from stoa.kit.inbox_parked import PARKING
from stoa.kit.rounds import in_rounds

BATCH = 50
"""How many events share a transaction: one commit for all, and little to do again when one of them fails."""
LOCK_WAIT = "250ms"
LOCK_WAIT_ALONE = "50ms"
"""How long handlers wait for a row that somebody holds, in a batch and each alone. They come again, and a batch may
have fifty that wait for the one row while others wait for them."""
KEPT = timedelta(days=30)
"""How long a done event is remembered: a repeat that comes later would have its effect again."""

_CAME = """
    unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::text[], $8::text[],
           $9::text[]) WITH ORDINALITY
    AS event (event_id, type, source, subject, version, time, traceparent, data, personal, position)
"""


def _columns(events: Sequence[Event]) -> Sequence[Sequence[object]]:
    """What is kept of them, as `_CAME` names it."""
    return (
        [event.id for event in events],
        [event.type for event in events],
        [event.source for event in events],
        [event.subject for event in events],
        [event.aggregateversion for event in events],
        [event.time for event in events],
        [event.traceparent for event in events],
        [event.json for event in events],
        [",".join(event.personal) for event in events],
    )


STORE = f"""
    INSERT INTO inbox (event_id, type, source, subject, aggregate_version, time, traceparent, data, personal)
    SELECT event_id, type, source, subject, version, time, traceparent, data::jsonb, string_to_array(personal, ',')
    FROM {_CAME}
    ORDER BY position
    ON CONFLICT (event_id) DO NOTHING
"""  # noqa: S608


async def store(db: Database, events: Sequence[Event]) -> None:
    """Keep them undone; a repeat changes nothing."""
    await db.execute(STORE, *_columns(events))


# As done, and without what is personal: it is so if the transaction commits. It fails where one is not new, or may not
# go yet, which is rare: so nobody has to wait for its answer to know that the effect may follow.
CLAIM = f"""
    INSERT INTO inbox
        (event_id, type, source, subject, aggregate_version, time, traceparent, data, personal, done_at)
    SELECT event_id,
           CASE WHEN NOT EXISTS (
               SELECT FROM inbox
               WHERE done_at IS NULL AND inbox.source = event.source AND inbox.subject = event.subject
                 AND inbox.aggregate_version <= event.version) THEN type END,
           source, subject, version, time, traceparent,
           CASE WHEN personal = '' THEN data::jsonb ELSE data::jsonb - string_to_array(personal, ',') END,
           string_to_array(personal, ','), now()
    FROM {_CAME}
    ORDER BY position
"""  # noqa: S608


async def claim(tx: Transaction, events: Sequence[Event]) -> None:
    """Keep them as done, all or none, together with the first statement of their effect: see `later`."""
    await later(tx, CLAIM, *_columns(events))


# The same where some may have come before, or have to wait: those are kept as they came.
STORE_DONE = f"""
    WITH came AS MATERIALIZED (
        SELECT event.*, EXISTS (
            SELECT FROM inbox
            WHERE done_at IS NULL AND inbox.source = event.source AND inbox.subject = event.subject
              AND inbox.aggregate_version <= event.version) AS waits
        FROM {_CAME}
    )
    INSERT INTO inbox
        (event_id, type, source, subject, aggregate_version, time, traceparent, data, personal, done_at)
    SELECT event_id, type, source, subject, version, time, traceparent,
           CASE WHEN waits OR personal = '' THEN data::jsonb ELSE data::jsonb - string_to_array(personal, ',') END,
           string_to_array(personal, ','), CASE WHEN NOT waits THEN now() END
    FROM came
    ORDER BY position
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id, done_at IS NOT NULL AS done
"""  # noqa: S608


async def store_done(tx: Transaction, events: Sequence[Event]) -> tuple[list[Event], bool]:
    """Keep what is new: as done, what may go, which comes back; and whether something has to wait."""
    rows = await tx.fetch(STORE_DONE, *_columns(events))
    came = {event.id: event for event in events}
    done = [came[row["event_id"]] for row in rows if row["done"]]
    return done, len(done) < len(rows)


WINDOW = 200
"""How many of what is due are looked at for those that may run: the batches of a few runners."""

# The first undone event of each subject, marked as done and without what is personal: it is so if the transaction
# commits.
_TAKE = """
    WITH due AS MATERIALIZED (
        SELECT event_id, seq, source, subject FROM inbox
        WHERE done_at IS NULL AND parked_at IS NULL AND retry_at <= now() {one}
        ORDER BY retry_at, seq LIMIT {window}
    ), next AS MATERIALIZED (
        SELECT event.event_id, event.data FROM due JOIN inbox AS event USING (event_id)
        WHERE event.done_at IS NULL AND event.parked_at IS NULL AND event.retry_at <= now()
          AND event.seq = (
              SELECT seq FROM inbox AS first
              WHERE first.done_at IS NULL AND first.source = due.source AND first.subject = due.subject
              ORDER BY aggregate_version, seq LIMIT 1)
        LIMIT {limit}
        FOR UPDATE OF event SKIP LOCKED
    )
    UPDATE inbox
    SET done_at = now(), error = NULL,
        data = CASE WHEN personal = '{{}}' THEN inbox.data ELSE inbox.data - personal END
    FROM next WHERE inbox.event_id = next.event_id
    RETURNING inbox.event_id, seq, type, source, subject, aggregate_version, time, traceparent,
              next.data::text AS data, attempts
"""
TAKE_NEXT = _TAKE.format(one="", window=WINDOW, limit=BATCH)
TAKE_ONE = _TAKE.format(one="AND event_id = $1", window=1, limit=1)


async def take_next(tx: Transaction) -> list[asyncpg.Record]:
    """The next batch, in the order of arrival; handlers get the planner as it usually is, and little patience."""
    return await _take(tx, TAKE_NEXT, LOCK_WAIT)


async def take_one(tx: Transaction, event_id: str) -> list[asyncpg.Record]:
    """The same of one event, if it may run."""
    return await _take(tx, TAKE_ONE, LOCK_WAIT_ALONE, event_id)


async def _take(tx: Transaction, sql: str, most_wait: str, *arguments: str) -> list[asyncpg.Record]:
    await plan_by_index(tx)
    taken = await tx.fetch(sql, *arguments)
    await tx.execute(f"{PLAN_AS_USUAL}; SET LOCAL lock_timeout = '{most_wait}'")
    return sorted(taken, key=itemgetter("seq"))


DUE = """
    SELECT extract(epoch FROM retry_at - now())::float8 FROM inbox
    WHERE done_at IS NULL AND parked_at IS NULL ORDER BY retry_at, seq LIMIT 1
"""


async def due_seconds(db: Database) -> float | None:
    """In how long the next is due; 0 or less where it is, and None where nothing waits."""
    seconds: float | None = await db.fetchval(DUE)
    return seconds


# What is due behind an event of its subject that waits or is parked: it waits, or is parked, with that.
STEP_BACK = """
    WITH due AS MATERIALIZED (
        SELECT event_id, seq, source, subject FROM inbox
        WHERE done_at IS NULL AND parked_at IS NULL AND retry_at <= now() ORDER BY retry_at, seq LIMIT 1000
    ), behind AS MATERIALIZED (
        SELECT due.event_id, first.retry_at, first.parked_at
        FROM due CROSS JOIN LATERAL (
            SELECT seq, retry_at, parked_at FROM inbox AS first
            WHERE first.done_at IS NULL AND first.source = due.source AND first.subject = due.subject
            ORDER BY aggregate_version, seq LIMIT 1) AS first
        WHERE first.seq <> due.seq AND (first.parked_at IS NOT NULL OR first.retry_at > now())
    )
    UPDATE inbox SET retry_at = behind.retry_at, parked_at = behind.parked_at,
                     error = CASE WHEN behind.parked_at IS NOT NULL THEN 'behind an event that is parked' END
    FROM behind WHERE inbox.event_id = behind.event_id AND inbox.done_at IS NULL
"""


async def step_back(db: Database) -> bool:
    """Have what cannot run yet wait where it is not looked at again and again; whether there was any."""
    async with db.transaction() as tx:
        await parking.lock(tx, PARKING)
        await plan_by_index(tx)
        return affected(await tx.execute(STEP_BACK)) > 0


FAILED = """
    UPDATE inbox
    SET attempts = $2, retry_at = now() + $3::interval, error = $4, parked_at = CASE WHEN $5 THEN now() END
    WHERE event_id = $1 AND done_at IS NULL
"""


async def failed(db: Database, event_id: str, attempts: int, wait: timedelta, error: str, *, parked: bool) -> None:
    await db.execute(FAILED, event_id, attempts, wait, error, parked)


PRUNE = """
    DELETE FROM inbox WHERE event_id IN (
        SELECT event_id FROM inbox
        WHERE done_at < now() - $1::interval ORDER BY done_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


async def prune(db: Database, older_than: timedelta = KEPT) -> int:
    """Forget what was done longer ago; how many events."""

    async def forget(most: int) -> int:
        async with db.transaction() as tx:
            await plan_by_index(tx)
            return affected(await tx.execute(PRUNE, older_than, most))

    return await in_rounds(forget)
