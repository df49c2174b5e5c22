"""What a user would like to have: products, or variants of them, each once."""

from __future__ import annotations

from stoa.kit.ids import uuid7
from stoa.services.user import repository
from stoa.services.user.errors import NotOnWishlist, WishlistFull
from stoa.services.user.profiles import lock, profile_of
from stoa.services.user.repository import Wish
from stoa.services.user.service import Users

MOST_WISHES = 500


async def add_wish(users: Users, user_id: str, *, product_id: str | None, sku: str | None) -> tuple[Wish, bool]:
    """The entry, and whether it is new: what is on the list already stays where it is. Raises `WishlistFull`."""
    await profile_of(users, user_id)
    async with users.db.transaction() as tx:
        await lock(tx, user_id)
        there = await repository.find_wish(tx, user_id, product_id, sku)
        if there is not None:
            return there, False
        if await repository.count_wishes(tx, user_id) >= MOST_WISHES:
            raise WishlistFull(MOST_WISHES)
        return await repository.add_wish(tx, uuid7(), user_id, product_id, sku), True


async def delete_wish(users: Users, user_id: str, *, product_id: str | None, sku: str | None) -> None:
    """Take off what is of this product or this SKU. Raises `NotOnWishlist`."""
    async with users.db.transaction() as tx:
        if not await repository.delete_wish(tx, user_id, product_id, sku):
            raise NotOnWishlist
