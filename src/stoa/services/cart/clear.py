"""After the checkout: what was bought leaves the cart."""

from __future__ import annotations

from stoa.kit.db import Database, Transaction
from stoa.services.cart import lines, repository
from stoa.services.cart.change import quantities, save
from stoa.services.cart.lines import Lines


async def clear(db: Database, cart_id: str, round_bought: int, bought: Lines) -> None:
    """End the round and take out what was `bought` in it; what was put in meanwhile stays.

    A round ends once, so a repeat changes nothing, whatever was put in since. A cart that is gone has
    nothing left to take out. What a guest's cart no longer has, because it was merged while it was being
    bought, leaves the cart that it went to.
    """
    merged_into: str | None = None
    while True:
        async with db.transaction() as tx:
            if merged_into is not None:
                await repository.lock_carts(tx, [cart_id, merged_into])
            if await repository.end_round(tx, cart_id, round_bought, merged_into):
                left = await _take_out(tx, cart_id, bought)
                if merged_into is not None:
                    await _take_out(tx, merged_into, left)
                return
            merged_into = await repository.merged_into(tx, cart_id, round_bought)
            if merged_into is None:
                return


async def _take_out(tx: Transaction, cart_id: str, bought: Lines) -> Lines:
    """From a locked cart; what of it was not there."""
    cart = await repository.read_cart(tx, cart_id)
    if cart is None:
        return bought
    before = quantities(cart)
    await save(tx, cart, lines.take_out(before, bought))
    return lines.take_out(bought, before)
