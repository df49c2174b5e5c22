"""What cart does on a timer."""

from __future__ import annotations

from datetime import timedelta

from stoa.kit import clock
from stoa.services.cart import repository
from stoa.services.cart.service import Carts

ONE_ROUND = 1_000
"""Carts removed in one statement: short locks, and the next statement takes the rest."""


async def remove_abandoned_carts(carts: Carts) -> None:
    """Empty guest carts that nobody has touched for `guest_cart_days` are removed."""
    since = clock.now() - timedelta(days=carts.settings.guest_cart_days)
    while await repository.remove_abandoned(carts.db, since, ONE_ROUND) == ONE_ROUND:
        pass
