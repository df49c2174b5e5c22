"""How much is on its way: for `/metrics`, and for whoever waits until everything has happened."""

from __future__ import annotations

import msgspec

from stoa.kit.db import Db

MOST = 10_000
"""Counting ends here: whoever has so much to do needs no figure to know it, and a look stays a look."""

READ = f"""
    SELECT
        (SELECT count(*) FROM (SELECT FROM outbox ORDER BY id LIMIT {MOST}) AS first) AS outbox,
        (SELECT extract(epoch FROM now() - time)::float8 FROM event_log
         WHERE id = (SELECT min(id) FROM outbox)) AS outbox_oldest_seconds,
        (SELECT count(*) FROM (SELECT FROM outbox_parked ORDER BY id LIMIT {MOST}) AS first) AS outbox_parked,
        (SELECT max(id) FROM event_log) AS announced,
        (SELECT count(*) FROM (SELECT FROM inbox WHERE done_at IS NULL AND parked_at IS NULL
                               ORDER BY retry_at, seq LIMIT {MOST}) AS first) AS inbox,
        (SELECT count(*) FROM (SELECT FROM inbox WHERE done_at IS NULL AND parked_at IS NOT NULL
                               ORDER BY seq LIMIT {MOST}) AS first) AS inbox_parked
"""  # noqa: S608


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """What one service still owes and still has to do.

    `outbox` counts deliveries, one for each recipient; `inbox` events that are not parked. What is parked moves
    only when redriven, and what waits behind it is parked with it. Each count is at most `MOST`.

    Nothing moves any more in a system when each service's `moving` is zero twice in a row and no
    `announced`, which counts up, has changed in between: an event may dodge one look, not two.
    """

    outbox: int
    outbox_oldest_seconds: float
    outbox_parked: int
    inbox: int
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
