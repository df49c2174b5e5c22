"""How far behind a service's events are, read from its database when somebody asks `/metrics`."""

from __future__ import annotations

from stoa.kit.db import Db
from stoa.kit.depth import depth
from stoa.kit.telemetry import metrics


async def measure(service: str, db: Db) -> None:
    """Set the gauges of one service."""
    now = await depth(db)
    metrics.OUTBOX_DEPTH.labels(service).set(now.outbox)
    metrics.OUTBOX_OLDEST_SECONDS.labels(service).set(now.outbox_oldest_seconds)
    metrics.OUTBOX_PARKED.labels(service).set(now.outbox_parked)
    metrics.INBOX_DEPTH.labels(service).set(now.inbox)
    metrics.INBOX_PARKED.labels(service).set(now.inbox_parked)
