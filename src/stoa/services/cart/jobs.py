"""What cart does on a timer."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from stoa.kit import clock
from stoa.kit.rounds import in_rounds
from stoa.services.cart.store import CartStore


async def remove_abandoned_carts(store: CartStore, days: int) -> None:
    """Guest carts that nobody has touched for so many days are removed. An order of one stands without it."""
    since = clock.now() - timedelta(days=days)
    await in_rounds(partial(store.remove_abandoned, since))
