"""Whose cart it is.

A user's cart is named by the user's id and answers to that user alone. A guest's cart is a capability:
who knows its unguessable id may use it, signed in or not.
"""

from __future__ import annotations

from stoa.kit.db import Db, Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.cart import repository
from stoa.services.cart.errors import NoSuchCart
from stoa.services.cart.repository import Cart


def may_use(cart: Cart, caller: str | None) -> bool:
    """`caller` is the signed-in user's id, None for a guest. Nobody's is not the guest's own by that."""
    if cart.user_id is None:
        return True
    return caller is not None and cart.user_id == caller


async def find(db: Db, cart_id: str, caller: str | None) -> Cart | None:
    """The cart; None where it is the caller's own and nothing was ever put in. `NoSuchCart` otherwise."""
    cart = await repository.read_cart(db, cart_id)
    if cart is None and cart_id == caller:
        return None
    if cart is None or not may_use(cart, caller):
        raise NoSuchCart
    return cart


async def find_locked(tx: Transaction, cart_id: str, caller: str | None, if_match: IfMatch = ANYTHING) -> Cart:
    """The cart under its row lock, made where it is the caller's own first. `NoSuchCart` otherwise; `VersionMismatch`
    where it is not as the caller has seen it."""
    if not await repository.lock_carts(tx, [cart_id]):
        if cart_id != caller:
            raise NoSuchCart
        await repository.add_cart(tx, cart_id, user_id=caller)
        await repository.lock_carts(tx, [cart_id])
    cart = await find(tx, cart_id, caller)
    assert cart is not None
    if_match.check(cart.version)
    return cart
