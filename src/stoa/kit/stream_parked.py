"""Behavior events that a follower could not handle and passed by: in sight, until somebody decides or they are too old.

They are many of a kind, and nothing waits for any of them: who redrives or discards does it to all of a topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from stoa.kit import staff_acts
from stoa.kit.db import Database, Db, Transaction, affected
from stoa.kit.rounds import in_rounds
from stoa.kit.staff_acts import BEHAVIOR_DISCARDED, BEHAVIOR_REDRIVEN

PARK = "INSERT INTO stream_parked (source, topic, event, error) VALUES ($1, $2, $3, $4)"


async def park(tx: Transaction, source: str, topic: str, event: Mapping[str, Any], error: str) -> None:
    await tx.execute(PARK, source, topic, event, error[:2000])


COUNT = "SELECT count(*) FROM (SELECT FROM stream_parked LIMIT 10000) AS first"


async def count(db: Db) -> int:
    """How many events are parked; at most 10,000."""
    return int(await db.fetchval(COUNT))


class Parked(NamedTuple):
    """What is parked of one topic, and why the latest of it is."""

    source: str
    topic: str
    events: int
    error: str


BY_TOPIC = """
    SELECT source, topic, count(*) AS events, (array_agg(error ORDER BY id DESC))[1] AS error
    FROM stream_parked GROUP BY source, topic ORDER BY source, topic
"""


async def by_topic(db: Db) -> list[Parked]:
    return [Parked(*row) for row in await db.fetch(BY_TOPIC)]


NEXT = """
    SELECT id, event FROM stream_parked WHERE source = $1 AND topic = $2 AND id > $3 ORDER BY id LIMIT $4
"""
TAKE = "DELETE FROM stream_parked WHERE id = ANY ($1::bigint[])"
FAILED_AGAIN = "UPDATE stream_parked SET error = $2 WHERE id = $1"


async def following(db: Db, source: str, topic: str, after: int, most: int) -> list[tuple[int, dict[str, Any]]]:
    """The events that were parked after the one with the id `after`, with their ids."""
    return [(row["id"], row["event"]) for row in await db.fetch(NEXT, source, topic, after, most)]


async def take(tx: Transaction, ids: list[int]) -> bool:
    """They are not parked any more if this transaction commits; whether all of them still were."""
    return affected(await tx.execute(TAKE, ids)) == len(ids)


async def failed_again(db: Db, parked_id: int, error: str) -> None:
    await db.execute(FAILED_AGAIN, parked_id, error[:2000])


async def note_redriven(db: Database, source: str, topic: str, done: int) -> None:
    async with db.transaction() as tx:
        told = {"recipient": db.service, "source": source, "done": done}
        await staff_acts.record_operator(tx, act=BEHAVIOR_REDRIVEN, subject=topic, after=told)


DISCARD = "DELETE FROM stream_parked WHERE topic = $1"


async def discard(db: Database, topic: str, reason: str) -> int:
    """Give up what is parked of a topic, for good; how many events. An operator's act, kept with its `reason`."""
    async with db.transaction() as tx:
        given_up = affected(await tx.execute(DISCARD, topic))
        if given_up:
            told = {"recipient": db.service, "parked": given_up}
            await staff_acts.record_operator(tx, act=BEHAVIOR_DISCARDED, subject=topic, before=told, reason=reason)
    return given_up


PRUNE = """
    DELETE FROM stream_parked WHERE id IN (
        SELECT id FROM stream_parked WHERE parked_at < now() - $1::interval ORDER BY parked_at LIMIT $2
    )
"""


async def prune(db: Database, older_than: timedelta) -> int:
    """Forget what was parked longer ago; how many events."""

    async def forget(most: int) -> int:
        return affected(await db.execute(PRUNE, older_than, most))

    return await in_rounds(forget)
