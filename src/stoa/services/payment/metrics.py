"""The figures of payment, for whoever watches the shop."""

from __future__ import annotations

from prometheus_client import Gauge

from stoa.kit.db import Db
from stoa.kit.telemetry.metrics import REGISTRY
from stoa.services.payment import drifts_repository

DRIFTS = Gauge(
    "stoa_payment_drifts", "Differences of payments with ledger, orders or provider that are open", registry=REGISTRY
)


async def measure(db: Db) -> None:
    DRIFTS.set(await drifts_repository.count_open(db))
