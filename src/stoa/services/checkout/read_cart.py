"""What is in a cart, with today's names and prices: for a quote, and as the snapshot that an order is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from stoa.contracts.cart.v1.cart_pb2 import CartLine, GetCartRequest, GetCartResponse, GetManyRequest
from stoa.contracts.catalog.v1.catalog_pb2 import (
    GetVariantsManyRequest,
    GetVariantsRequest,
    GetVariantsResponse,
    PriceContext,
    Variant,
)
from stoa.kit.http.types import Address
from stoa.kit.many import results_of
from stoa.kit.problems import Problem
from stoa.ports.tax import STANDARD
from stoa.services.checkout.errors import CartEmpty, NotForSale, OtherCurrency
from stoa.services.checkout.messages import address_of, money_of
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.pricing import Item, PriceRules


class CartAsked(msgspec.Struct, frozen=True):
    """The cart of a user, or a guest's by its id. Priced for where it goes: to `shipping_address`, or else to the
    cart's; and for whoever buys, who is in the customer groups `groups`."""

    user_id: str | None
    cart_id: str | None
    shipping_address: Address | None = None
    groups: tuple[str, ...] = ()


class Kinds(msgspec.Struct, frozen=True):
    """By ids, what a product is of: its category and all above it, collections, its brand; empty for none."""

    categories: tuple[str, ...]
    collections: tuple[str, ...]
    brand: str


class CartContents(msgspec.Struct, frozen=True):
    """`round` is the cart's: it is bought once. Of the buyer it has what was said when the cart was opened. `kinds` are
    those of the items, in their order; `rules` are the shop's at that moment."""

    cart_id: str
    round: int
    items: list[Item]
    kinds: list[Kinds]
    email: str | None
    shipping_address: Address | None
    billing_address: Address | None
    rules: PriceRules


async def read_carts(neighbors: Neighbors, asked: Sequence[CartAsked]) -> list[CartContents | Exception]:
    """Each in its place; or `CartEmpty`, `NotForSale`, `OtherCurrency`, or what cart says of a foreign one (404)."""
    seconds = neighbors.timeout_seconds
    requests = [GetCartRequest(user_id=one.user_id or "", cart_id=one.cart_id or "") for one in asked]
    rules, answered = await asyncio.gather(
        neighbors.rules.now(), neighbors.cart.GetMany(GetManyRequest(requests=requests), timeout=seconds)
    )
    found = results_of(answered.outcomes)
    carts = [CartEmpty() if isinstance(one, GetCartResponse) and not one.lines else one for one in found]
    wanted = [
        _variants_of(cart, one, neighbors.rules.currency)
        for cart, one in zip(carts, asked, strict=True)
        if isinstance(cart, GetCartResponse)
    ]
    if not wanted:
        return carts
    priced = await neighbors.catalog.GetVariantsMany(GetVariantsManyRequest(requests=wanted), timeout=seconds)
    answers = iter(priced.answers)
    return [_contents(cart, next(answers), rules) if isinstance(cart, GetCartResponse) else cart for cart in carts]


async def read_cart(neighbors: Neighbors, asked: CartAsked) -> CartContents:
    """One alone; what it is refused for is raised."""
    (cart,) = await read_carts(neighbors, [asked])
    if isinstance(cart, Exception):
        raise cart
    return cart


def _variants_of(cart: GetCartResponse, asked: CartAsked, currency: str) -> GetVariantsRequest:
    country = cart.shipping_address.country if asked.shipping_address is None else asked.shipping_address.country
    quantities = {line.sku: line.quantity for line in cart.lines}
    prices = PriceContext(currency=currency, country=country, groups=asked.groups, quantities=quantities)
    return GetVariantsRequest(skus=list(quantities), context=prices, with_groups=True)


def _contents(cart: GetCartResponse, found: GetVariantsResponse, rules: PriceRules) -> CartContents | Problem:
    variants = {variant.sku: variant for variant in found.variants}
    if missing := [line.sku for line in cart.lines if line.sku not in variants]:
        return NotForSale(missing)
    currency = rules.currency
    if other := next((sku for sku, variant in variants.items() if variant.price.currency != currency), None):
        return OtherCurrency(other, currency)
    return CartContents(
        cart_id=cart.cart_id,
        round=cart.round,
        items=[_item(variants[line.sku], line) for line in cart.lines],
        kinds=[_kinds(variants[line.sku]) for line in cart.lines],
        email=cart.email or None,
        shipping_address=address_of(cart.shipping_address) if cart.HasField("shipping_address") else None,
        billing_address=address_of(cart.billing_address) if cart.HasField("billing_address") else None,
        rules=rules,
    )


def _kinds(variant: Variant) -> Kinds:
    return Kinds(tuple(variant.category_ids), tuple(variant.collection_ids), variant.brand_id)


def _item(variant: Variant, line: CartLine) -> Item:
    name = f"{variant.product_name} ({variant.variant_name})" if variant.variant_name else variant.product_name
    return Item(
        sku=variant.sku,
        product_id=variant.product_id,
        name=name,
        unit_price=money_of(variant.price),
        quantity=line.quantity,
        tax_class=variant.tax_class or STANDARD,
        weight_grams=variant.weight_grams or None,
        said=msgspec.json.decode(line.custom_fields_json) if line.custom_fields_json else {},
        metadata=dict(line.metadata),
    )
