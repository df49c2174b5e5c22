"""How much is on its way: for whoever waits until everything has happened."""

from __future__ import annotations

import msgspec

from stoa.kit.db import Db

READ = """
    SELECT
        (SELECT count(*) FROM outbox) AS outbox,
        (SELECT coalesce(extract(epoch FROM now() - time), 0)::float8 FROM event_log
         WHERE id = (SELECT min(id) FROM outbox)) AS outbox_oldest_seconds,
        (SELECT count(*) FROM outbox_parked) AS outbox_parked,
        (SELECT coalesce(max(id), 0) FROM event_log) AS announced,
        undone.count AS inbox,
        undone.oldest_seconds AS inbox_oldest_seconds,
        undone.parked AS inbox_parked
    FROM (
        SELECT count(*) FILTER (WHERE NOT stuck) AS count,
               extract(epoch FROM now() - min(received_at) FILTER (WHERE NOT stuck))::float8 AS oldest_seconds,
               count(*) FILTER (WHERE stuck) AS parked
        FROM (
            SELECT received_at, EXISTS (
                SELECT FROM inbox AS earlier
                WHERE earlier.done_at IS NULL AND earlier.parked_at IS NOT NULL
                  AND earlier.source = event.source AND earlier.subject = event.subject
                  AND (earlier.aggregate_version, earlier.seq) <= (event.aggregate_version, event.seq)) AS stuck
            FROM inbox AS event WHERE done_at IS NULL
        ) AS each_undone
    ) AS undone
"""


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """What one service still owes and still has to do.

    `outbox` counts deliveries, one for each recipient; `inbox` events that will run without help. What is
    parked, or waits behind what is parked, is counted as parked: it moves only when redriven.

    Nothing moves any more in a system when each service's `moving` is zero twice in a row and no
    `announced`, which counts up, has changed in between: an event may dodge one look, not two.
    """

    outbox: int
    outbox_oldest_seconds: float
    outbox_parked: int
    inbox: int
    inbox_oldest_seconds: float
    inbox_parked: int
    announced: int

    @property
    def moving(self) -> int:
        return self.outbox + self.inbox


async def depth(db: Db) -> Depth:
    """One look at a service's outbox and inbox."""
    row = await db.fetchrow(READ)
    assert row is not None
    return Depth(**{name: value or 0 for name, value in row.items()})
