"""At login: what the guest had gathered goes into the user's cart."""

from __future__ import annotations

from stoa.kit.db import Database
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.cart import access, lines, repository
from stoa.services.cart.change import quantities, save
from stoa.services.cart.errors import NoSuchCart
from stoa.services.cart.repository import Cart


async def merge(db: Database, caller: str, guest_cart_id: str, if_match: IfMatch = ANYTHING) -> Cart:
    """The caller's cart with the guest's lines added; the guest's is empty then, so a repeat changes nothing.

    Where the guest's is being ordered just now, what is bought leaves the caller's when it is.

    `NoSuchCart` where it is not a guest's, `CartFull` where both do not go into one, `VersionMismatch` where the
    caller's is not as he has seen it: then neither changed.
    """
    async with db.transaction() as tx:
        await repository.add_cart(tx, caller, user_id=caller)
        # Both at once, in the order of their ids, as everywhere: two merges cannot wait for each other.
        await repository.lock_carts(tx, [caller, guest_cart_id])
        guests = await repository.read_cart(tx, guest_cart_id)
        if guests is None or guests.user_id is not None:
            raise NoSuchCart(field="cart_id")
        mine = await access.find(tx, caller, caller)
        assert mine is not None
        if_match.check(mine.version)
        if not guests.lines:
            return mine
        await save(tx, mine, lines.merge(quantities(mine), quantities(guests)))
        await save(tx, guests, {})
        await repository.note_merge(tx, guest_cart_id, caller)
        merged = await repository.read_cart(tx, caller)
        assert merged is not None
        return merged
