"""Delivering again what the log still has, to a hearer that came late or lost it.

What is replayed is owed like anything announced today: the relay brings it, and the inbox keeps each event once.
What the hearer has, handled or not, is left out, and so is what an operator gave up. The log has no more what was
personal in an event that everybody had got.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from stoa.kit import clock, staff_acts
from stoa.kit.db import Database, affected
from stoa.kit.inbox_repository import KEPT
from stoa.kit.outbox import CHANNEL, TELL_OTHERS, shard_of
from stoa.kit.rounds import ONE_ROUND
from stoa.kit.staff_acts import REPLAYED

REACH = KEPT - timedelta(days=1)
"""How old an event may be: of what is older, the hearer may have forgotten that it had it."""

LOGGED = """
    SELECT id, event_id, subject FROM event_log
    WHERE id > $1 AND time >= $2 AND type = ANY ($3) ORDER BY id LIMIT $4
"""

COUNT = "SELECT count(*) FROM event_log WHERE time >= $1 AND type = ANY ($2)"

KNOWN = "SELECT event_id FROM inbox WHERE event_id = ANY ($1::uuid[])"

OWE = """
    INSERT INTO outbox (recipient, id, shard)
    SELECT $1, missed.id, missed.shard
    FROM unnest($2::bigint[], $3::uuid[], $4::smallint[]) AS missed (id, event_id, shard)
    WHERE NOT EXISTS (SELECT FROM outbox_parked AS parked WHERE parked.recipient = $1 AND parked.id = missed.id)
      AND NOT EXISTS (SELECT FROM staff_acts
                      WHERE subject = missed.event_id::text AND act = 'event.discarded'
                        AND before ->> 'recipient' = $1)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Round:
    """How many events of the log were looked at, and how many of them are owed now that were not before."""

    looked_at: int
    owed: int


def reaching(since: datetime | None) -> datetime:
    """From when on events are replayed."""
    oldest = clock.now() - REACH
    return oldest if since is None else max(since, oldest)


async def count(announcer: Database, types: Collection[str], since: datetime) -> int:
    """How many events there are to look at."""
    return int(await announcer.fetchval(COUNT, since, list(types)))


async def replay(
    announcer: Database, hearer: Database, types: Collection[str], since: datetime
) -> AsyncIterator[Round]:
    """Owe the hearer what the announcer announced of these types and the hearer never got, a round at a time.

    An operator's act. Whoever stops in between and begins anew goes on where it stopped: what is owed or has arrived
    is left out. `since` must not be before `reaching(None)`.
    """
    walked_to = 0
    while rows := await announcer.fetch(LOGGED, walked_to, since, list(types), ONE_ROUND):
        known = {row["event_id"] for row in await hearer.fetch(KNOWN, [row["event_id"] for row in rows])}
        missed = [row for row in rows if row["event_id"] not in known]
        async with announcer.transaction() as tx:
            owed = affected(
                await tx.execute(
                    OWE,
                    hearer.service,
                    [row["id"] for row in missed],
                    [row["event_id"] for row in missed],
                    [shard_of(row["subject"]) for row in missed],
                )
            )
            if owed:
                span = {"from": missed[0]["id"], "to": missed[-1]["id"], "events": owed}
                await staff_acts.record_operator(tx, act=REPLAYED, subject=hearer.service, after=span)
                await tx.execute(TELL_OTHERS, CHANNEL)
        walked_to = rows[-1]["id"]
        yield Round(len(rows), owed)
