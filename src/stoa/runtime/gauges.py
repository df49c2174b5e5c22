"""How far behind a service's events are, read from its database now and then for `/metrics`."""

from __future__ import annotations

from stoa.kit.db import Db
from stoa.kit.telemetry import metrics

EVERY_SECONDS = 10.0
"""Prometheus usually looks every 15 s."""

# The first row owed is the oldest: a row keeps its id when it is put back.
BACKLOG = """
    SELECT (SELECT count(*) FROM outbox) AS owed,
           (SELECT count(*) FROM outbox_parked) AS refused,
           (SELECT count(*) FROM inbox WHERE done_at IS NULL AND parked_at IS NULL) AS undone,
           (SELECT count(*) FROM inbox WHERE parked_at IS NOT NULL) AS parked,
           (SELECT extract(epoch FROM now() - time) FROM event_log
            WHERE id = (SELECT min(id) FROM outbox)) AS oldest_seconds
"""


async def measure(service: str, db: Db) -> None:
    """Set the gauges of one service."""
    row = await db.fetchrow(BACKLOG)
    assert row is not None
    metrics.OUTBOX_DEPTH.labels(service).set(row["owed"])
    metrics.OUTBOX_OLDEST_SECONDS.labels(service).set(float(row["oldest_seconds"] or 0))
    metrics.OUTBOX_PARKED.labels(service).set(row["refused"])
    metrics.INBOX_DEPTH.labels(service).set(row["undone"])
    metrics.INBOX_PARKED.labels(service).set(row["parked"])
