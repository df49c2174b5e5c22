"""What cart does on a timer."""

from __future__ import annotations

from datetime import timedelta

from stoa.kit import clock
from stoa.kit.db import Database
from stoa.services.cart import repository

ONE_ROUND = 1_000
"""Carts removed in one statement: short locks, and the next statement takes the rest."""


async def remove_abandoned_carts(db: Database, days: int) -> None:
    """Empty guest carts that nobody has touched for so many days are removed."""
    since = clock.now() - timedelta(days=days)
    while await repository.remove_abandoned(db, since, ONE_ROUND) == ONE_ROUND:
        pass
