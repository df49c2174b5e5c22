"""Validate: the cart has something in it, all of it is for sale, and it is known who buys and where it goes. Names and
prices are taken down, and what the order did not say of the buyer and the cart did.

No undo: it only reads. A snapshot that was taken stays, whatever happens to prices while we resume. With
it the cart is ours: no other checkout can record one of the same round.
"""

from __future__ import annotations

from msgspec.structs import replace

from stoa.contracts.order.v1.order_pb2 import CheckCustomFieldsRequest
from stoa.services.checkout.errors import AddressMissing, EmailMissing
from stoa.services.checkout.messages import encoded
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.read_cart import read_cart
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    if purchase.items is not None:
        return purchase
    if purchase.custom_fields:
        asked = CheckCustomFieldsRequest(custom_fields_json=encoded(purchase.custom_fields))
        await neighbors.order.CheckCustomFields(asked, timeout=neighbors.timeout_seconds)
    cart = await read_cart(neighbors, purchase.user_id, purchase.cart_id, purchase.shipping_address)
    email = purchase.email or cart.email or purchase.account_email
    if not email:
        raise EmailMissing
    shipping, billing = purchase.shipping_address, purchase.billing_address
    if shipping is None:
        # The cart's two go together: the bill of another parcel is nobody's guess.
        shipping, billing = cart.shipping_address, billing or cart.billing_address
    if shipping is None:
        raise AddressMissing
    return replace(
        purchase,
        bought_cart_id=cart.cart_id,
        bought_cart_round=cart.round,
        items=cart.items,
        email=email,
        shipping_address=shipping,
        billing_address=billing or shipping,
    )


VALIDATE_CART = Step("validate_cart", do, effect=False)
