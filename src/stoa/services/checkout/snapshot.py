"""The snapshot: what is bought, by whom, where it goes and what it costs, taken down before anything is begun.

It only reads: the cart has something in it, all of it is for sale, every code applies, and what the order did not say
of the buyer the cart did. What was taken down stays, whatever happens to prices while the order is under way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec.structs import replace

from stoa.contracts.order.v1.order_pb2 import CheckCustomFieldsRequest
from stoa.ports.destination import destination_of
from stoa.services.checkout.addresses import checked_address
from stoa.services.checkout.errors import AddressMissing, EmailMissing, PriceChanged
from stoa.services.checkout.find_promotions import PromotionsAsked
from stoa.services.checkout.messages import encoded
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.pricing import quote
from stoa.services.checkout.promotions import Promotions
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.read_cart import CartAsked, CartContents
from stoa.services.checkout.waves import CohortPlace

SNAPSHOT = "snapshot"
"""What is said of it where steps are named."""


class Reading(NamedTuple):
    """What is read in company: the cart, and what comes off it."""

    cart: Callable[[CartAsked], Awaitable[CartContents]]
    promotions: Callable[[PromotionsAsked], Awaitable[Promotions]]


async def take_snapshot(neighbors: Neighbors, read: Reading, purchase: Purchase, in_cohort: CohortPlace) -> Purchase:
    """The purchase with all of it. Raises what refuses it."""
    if purchase.custom_fields:
        asked = CheckCustomFieldsRequest(custom_fields_json=encoded(purchase.custom_fields))
        with in_cohort.patience():
            await neighbors.order.CheckCustomFields(asked, timeout=neighbors.timeout_seconds)
    cart = await read.cart(CartAsked(purchase.user_id, purchase.cart_id, purchase.shipping_address, purchase.groups))
    email = purchase.email or cart.email or purchase.account_email
    if not email:
        raise EmailMissing
    shipping, billing = purchase.shipping_address, purchase.billing_address
    if shipping is None:
        # The cart's two go together: the bill of another parcel is nobody's guess.
        shipping, billing = cart.shipping_address, billing or cart.billing_address
    # What came with the cart nobody has looked at yet.
    shipping = checked_address(shipping, "shipping_address") if shipping else None
    billing = checked_address(billing, "billing_address") if billing else None
    promotions = await read.promotions(PromotionsAsked(cart, purchase.user_id, purchase.groups, purchase.coupon_codes))
    promotions.check_codes()
    with in_cohort.patience():
        quoted = await quote(cart.items, purchase.shipping_method, destination_of(shipping), cart.rules, promotions)
    if quoted.pickup_address is not None:
        # Who fetches it has the bill sent home.
        shipping, billing = quoted.pickup_address, billing or shipping
    if shipping is None:
        raise AddressMissing
    if purchase.expected_total is not None and quoted.total != purchase.expected_total:
        raise PriceChanged(quoted.total)
    return replace(
        purchase,
        bought_cart_id=cart.cart_id,
        bought_cart_round=cart.round,
        items=cart.items,
        email=email,
        shipping_address=shipping,
        billing_address=billing or shipping,
        quote=quoted,
    )
