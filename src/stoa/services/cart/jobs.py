"""What cart does on a timer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from stoa.kit import clock
from stoa.kit.db import Transaction
from stoa.kit.outbox import Outbox
from stoa.kit.rounds import in_rounds
from stoa.services.cart.document import Cart
from stoa.services.cart.events import abandoned
from stoa.services.cart.store import CartStore


async def tell_of_abandoned_carts(store: CartStore, outbox: Outbox, seconds: float) -> None:
    """Carts with something in them that nobody has touched for so long are announced, once until they change."""

    async def tell(tx: Transaction, carts: Sequence[Cart]) -> None:
        await outbox.announce_all(tx, [abandoned(cart) for cart in carts])

    since = clock.now() - timedelta(seconds=seconds)
    await in_rounds(lambda most: store.abandon(since, most, tell))


async def remove_expired_carts(store: CartStore, days: int) -> None:
    """Guest carts that nobody has touched for so many days are removed. An order of one stands without it."""
    since = clock.now() - timedelta(days=days)
    await in_rounds(partial(store.remove_expired, since))
