"""What checkout does on a timer, beside tending what is under way (`runner.py`)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from stoa.kit import clock
from stoa.kit.db import Database
from stoa.kit.rounds import in_rounds
from stoa.services.checkout import repository

EVERY_SECONDS = 3600.0
"""Nobody waits for it, and an hour's worth of orders is a small piece of work."""


async def cut_ended(db: Database, days: int) -> None:
    """Checkouts that ended so many days ago are cut to what the audit compares."""
    await in_rounds(partial(repository.cut, db, clock.now() - timedelta(days=days)))
