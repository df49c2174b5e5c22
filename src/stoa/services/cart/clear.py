"""After the checkout: what was bought leaves the cart."""

from __future__ import annotations

from stoa.kit.db import Database
from stoa.services.cart import repository
from stoa.services.cart.change import save


async def clear(db: Database, cart_id: str, version: int) -> None:
    """Remove the lines that have not changed since `version`, the one that the checkout read.

    Nothing else is needed to make a repeat harmless: a line put in again has a later version. A cart
    that is gone has nothing left to clear.
    """
    async with db.transaction() as tx:
        if not await repository.lock_carts(tx, [cart_id]):
            return
        cart = await repository.read_cart(tx, cart_id)
        assert cart is not None
        await save(tx, cart, {line.sku: line.quantity for line in cart.lines if line.changed_in > version})
