"""What is counted of campaigns."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from stoa.kit.db import Db
from stoa.kit.telemetry.metrics import REGISTRY
from stoa.services.campaign import repository

EVALUATIONS = Counter("stoa_campaign_evaluations", "Carts that were looked at", registry=REGISTRY)
REDEMPTIONS = Counter(
    "stoa_campaign_redemptions", "Checkouts that wanted to use campaigns", ["outcome"], registry=REGISTRY
)
LOADS = Counter("stoa_campaign_index_loads", "Times that what runs was read anew", registry=REGISTRY)
RUNNING = Gauge("stoa_campaign_running", "Campaigns that are active", registry=REGISTRY)


async def measure(db: Db) -> None:
    RUNNING.set(await repository.count_active(db))
