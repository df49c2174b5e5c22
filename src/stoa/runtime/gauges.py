"""How far behind a service's events are, read from its database when somebody asks `/metrics`."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from stoa.kit import stream_parked
from stoa.kit.db import Db
from stoa.kit.depth import depth
from stoa.kit.followers import Follower
from stoa.kit.problems import Problem
from stoa.kit.telemetry import metrics


async def measure(service: str, db: Db) -> None:
    """Set the gauges of one service."""
    now = await depth(db)
    metrics.OUTBOX_DEPTH.labels(service).set(now.outbox)
    metrics.OUTBOX_OLDEST_SECONDS.labels(service).set(now.outbox_oldest_seconds)
    metrics.OUTBOX_PARKED.labels(service).set(now.outbox_parked)
    metrics.INBOX_DEPTH.labels(service).set(now.inbox)
    metrics.INBOX_PARKED.labels(service).set(now.inbox_parked)


async def measure_streams(service: str, db: Db, followers: Collection[Follower]) -> None:
    """Set the gauges of what it follows. What a source that does not answer has written stays as it was last known."""
    for follower in followers:
        with contextlib.suppress(Problem):
            behind = await follower.behind()
            metrics.STREAM_BEHIND.labels(service, follower.source, follower.topic).set(behind)
    if followers:
        metrics.STREAM_PARKED.labels(service).set(await stream_parked.count(db))
