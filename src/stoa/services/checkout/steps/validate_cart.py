"""Validate: the cart has something in it, and all of it is for sale. Names and prices are taken down.

No undo: it only reads. A snapshot that was taken stays, whatever happens to prices while we resume. With
it the cart is ours: no other checkout can record one of the same round.
"""

from __future__ import annotations

from msgspec.structs import replace

from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.read_cart import read_cart
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    if purchase.items is not None:
        return purchase
    cart = await read_cart(neighbors, purchase.user_id, purchase.cart_id)
    return replace(purchase, bought_cart_id=cart.cart_id, bought_cart_round=cart.round, items=cart.items)


VALIDATE_CART = Step("validate_cart", do, effect=False)
