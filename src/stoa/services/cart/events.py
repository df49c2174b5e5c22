"""What cart announces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from stoa.kit import ids
from stoa.kit.events import Fact
from stoa.kit.outbox import Announcement
from stoa.services.cart.document import Cart


class LeftItem(msgspec.Struct, frozen=True):
    sku: str
    quantity: int


class CartAbandoned(Fact, event="cart.abandoned", personal=("cart_id", "email"), first=True, frozen=True, kw_only=True):
    """Somebody has left a cart with `items` in it, and has not touched it since `left_at`: once for each time that it
    was left. `user_id` is None for a guest's, whose cart anybody may use who knows its `cart_id`: so that is personal,
    and the subject is of nobody else. `email` is what was said with the cart, None where nothing was.
    """

    cart_id: str
    user_id: str | None
    email: str | None
    items: Sequence[LeftItem]
    left_at: datetime


def abandoned(cart: Cart) -> Announcement:
    fact = CartAbandoned(
        cart_id=cart.id,
        user_id=cart.user_id,
        email=cart.contact.email,
        items=[LeftItem(line.sku, line.quantity) for line in cart.lines],
        left_at=cart.updated_at,
    )
    return Announcement(subject=ids.uuid7(), version=1, fact=fact)
