"""After the checkout: what was bought leaves the cart."""

from __future__ import annotations

from stoa.kit.db import Database
from stoa.services.cart import lines, repository
from stoa.services.cart.change import quantities, save
from stoa.services.cart.lines import Lines


async def clear(db: Database, cart_id: str, round_bought: int, bought: Lines) -> None:
    """End the round and take out what was `bought` in it; what was put in meanwhile stays.

    A round ends once, so a repeat changes nothing, whatever was put in since. A cart that is gone has
    nothing left to take out.
    """
    async with db.transaction() as tx:
        if not await repository.end_round(tx, cart_id, round_bought):
            return
        cart = await repository.read_cart(tx, cart_id)
        assert cart is not None
        await save(tx, cart, lines.take_out(quantities(cart), bought))
