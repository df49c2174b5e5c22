"""Whose cart it is.

A user's cart is named by the user's id and answers to that user alone. A guest's cart is a capability:
who knows its unguessable id may use it, signed in or not.
"""

from __future__ import annotations

from stoa.services.cart.document import Cart
from stoa.services.cart.errors import NoSuchCart


def may_use(cart: Cart, caller: str | None) -> bool:
    """`caller` is the signed-in user's id, None for a guest. Nobody's is not the guest's own by that."""
    if cart.user_id is None:
        return True
    return caller is not None and cart.user_id == caller


def check(cart: Cart, caller: str | None) -> None:
    """Raises `NoSuchCart`."""
    if not may_use(cart, caller):
        raise NoSuchCart


def found(cart: Cart | None, cart_id: str, caller: str | None) -> Cart | None:
    """The cart that was read; None where it is the caller's own and nothing was ever put in. `NoSuchCart` otherwise."""
    if cart is not None:
        check(cart, caller)
    elif cart_id != caller:
        raise NoSuchCart
    return cart
