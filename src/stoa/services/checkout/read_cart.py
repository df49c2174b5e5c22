"""What is in a cart, with today's names and prices: for a quote, and as the snapshot that an order is made of."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from stoa.contracts.cart.v1.cart_pb2 import CartLine, GetCartRequest
from stoa.contracts.catalog.v1.catalog_pb2 import GetVariantsRequest, PriceContext, Variant
from stoa.kit.http.types import Address
from stoa.services.checkout.errors import CartEmpty, NotForSale, OtherCurrency
from stoa.services.checkout.messages import address_of, money_of
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.pricing import Item


@dataclass(frozen=True)
class CartContents:
    """`round` is the cart's: it is bought once. Of the buyer it has what was said when the cart was opened."""

    cart_id: str
    round: int
    items: list[Item]
    email: str | None
    shipping_address: Address | None
    billing_address: Address | None


async def read_cart(
    neighbors: Neighbors, user_id: str | None, cart_id: str | None, shipping_address: Address | None = None
) -> CartContents:
    """Priced for where it goes: to `shipping_address`, or else to the cart's.

    Raises `CartEmpty`, `NotForSale`, `OtherCurrency`, or what cart says of a foreign one (404).
    """
    seconds = neighbors.timeout_seconds
    asked = GetCartRequest(user_id=user_id or "", cart_id=cart_id or "")
    cart = await neighbors.cart.GetCart(asked, timeout=seconds)
    if not cart.lines:
        raise CartEmpty
    skus = [line.sku for line in cart.lines]
    destination = shipping_address or (address_of(cart.shipping_address) if cart.HasField("shipping_address") else None)
    prices = PriceContext(
        currency=neighbors.rules.currency,
        country=destination.country if destination else "",
        quantities={line.sku: line.quantity for line in cart.lines},
    )
    found = await neighbors.catalog.GetVariants(GetVariantsRequest(skus=skus, context=prices), timeout=seconds)
    variants = {variant.sku: variant for variant in found.variants}
    if missing := [sku for sku in skus if sku not in variants]:
        raise NotForSale(missing)
    items = [_item(variants[line.sku], line, neighbors.rules.currency) for line in cart.lines]
    return CartContents(
        cart_id=cart.cart_id,
        round=cart.round,
        items=items,
        email=cart.email or None,
        shipping_address=address_of(cart.shipping_address) if cart.HasField("shipping_address") else None,
        billing_address=address_of(cart.billing_address) if cart.HasField("billing_address") else None,
    )


def _item(variant: Variant, line: CartLine, currency: str) -> Item:
    if variant.price.currency != currency:
        raise OtherCurrency(variant.sku, currency)
    name = f"{variant.product_name} ({variant.variant_name})" if variant.variant_name else variant.product_name
    return Item(
        sku=variant.sku,
        product_id=variant.product_id,
        name=name,
        unit_price=money_of(variant.price),
        quantity=line.quantity,
        said=msgspec.json.decode(line.custom_fields_json) if line.custom_fields_json else {},
        metadata=dict(line.metadata),
    )
