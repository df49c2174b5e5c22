"""The cart as a shopper sees it: today's names, prices and availability beside each line."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from stoa.kit.custom_fields.values import Known, Value, named
from stoa.kit.money import MOST_MINOR, Money
from stoa.services.cart.document import Cart, Line
from stoa.services.cart.line_problems import LineProblem, problems_of
from stoa.services.cart.product_snapshot import Market, ProductSnapshot, Wanted, look_up
from stoa.services.cart.said import names_for
from stoa.services.cart.service import Carts
from stoa.services.cart.settings import Settings
from stoa.services.cart.supply import PromiseView

NO_FIELDS: Known = {}


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """`available`: so many can be had. `promise` says when, where it is for sale and inventory answers. `compare_at` is
    the variant's own price, where the one that holds is lower. What is no longer for sale has no product, name or
    price, and a line that costs more than `money.MOST_MINOR` has no subtotal. `problems` says what has changed since
    the shopper put it in, until the line is changed or all of them are accepted."""

    sku: str
    product_id: str | None
    name: str | None
    quantity: int
    unit_price: Money | None
    compare_at: Money | None
    subtotal: Money | None
    available: bool
    promise: PromiseView | None
    problems: list[LineProblem]
    custom_fields: dict[str, Value]
    metadata: dict[str, str]


class CartView(msgspec.Struct, frozen=True, kw_only=True):
    """`subtotal` sums the lines that have one, up to `money.MOST_MINOR`; `item_count` counts units, not lines. Neither
    counts what is in `saved_items`, for later.

    `id` names the cart in every path. The cart of a user who never put anything in has version 0. A guest's is gone
    at `expires_at`, unless it is changed before.
    """

    id: str
    user_id: str | None
    items: list[ItemView]
    saved_items: list[ItemView]
    subtotal: Money
    item_count: int
    version: int
    updated_at: datetime | None
    expires_at: datetime | None


class Look(NamedTuple):
    """At a cart, by somebody in these customer groups."""

    cart_id: str
    groups: tuple[str, ...] = ()


class Shown(NamedTuple):
    """A cart that was read. `looks` is how it is shown, or why nobody can say."""

    cart: Cart
    looks: CartView | Exception

    def view(self) -> CartView:
        if isinstance(self.looks, Exception):
            raise self.looks
        return self.looks


async def show_many(carts: Carts, looks: Collection[Look]) -> dict[Look, Shown]:
    """Those of the carts that are there. Whoever asks: so where catalog is silent nothing is raised before it is
    known who may see which."""
    found = await carts.store.read_many({look.cart_id for look in looks})
    fields = await names_for(carts, *found.values())
    asked = [
        (look, cart, look_up(carts, _of_all(cart), market_of(cart, look.groups)))
        for look in looks
        if (cart := found.get(look.cart_id))
    ]
    return {look: Shown(cart, await _looks(carts, cart, snapshot, fields)) for look, cart, snapshot in asked}


def _of_all(cart: Cart) -> dict[str, int]:
    return {sku: line.quantity for sku, line in cart.by_sku.items()}


def market_of(cart: Cart, groups: tuple[str, ...]) -> Market:
    """Where its checkout will be, unless the order says another address."""
    address = cart.contact.shipping_address
    return Market(address["country"] if address else "", groups)


async def _looks(carts: Carts, cart: Cart, asked: Awaitable[ProductSnapshot], fields: Known) -> CartView | Exception:
    try:
        return view(cart, await asked, carts.settings, fields)
    except Exception as error:
        return error


async def show(
    carts: Carts, cart: Cart, groups: tuple[str, ...] = (), known: ProductSnapshot | None = None
) -> CartView:
    """`cart` with what the neighbors say about its lines to somebody in these groups, except for what is `known`
    already."""
    known, market = known or ProductSnapshot(), market_of(cart, groups)
    missing = {
        sku: quantity for sku, quantity in _of_all(cart).items() if not known.knows(Wanted(sku, quantity, market))
    }
    snapshot = known.joined(await look_up(carts, missing, market))
    return view(cart, snapshot, carts.settings, await names_for(carts, cart))


def view(cart: Cart, snapshot: ProductSnapshot, settings: Settings, fields: Known = NO_FIELDS) -> CartView:
    """`cart` with `snapshot` for each of its lines. What has no price in the shop's currency is shown without one."""
    currency = settings.currency
    items = [_item(line, snapshot, currency, fields) for line in cart.lines]
    subtotal = sum([item.subtotal.amount for item in items if item.subtotal is not None])
    return CartView(
        id=cart.id,
        user_id=cart.user_id,
        items=items,
        saved_items=[_item(line, snapshot, currency, fields) for line in cart.saved],
        # What nobody can pay at once has no figure that every reader would keep: the checkout refuses it.
        subtotal=Money(min(subtotal, MOST_MINOR), currency),
        item_count=sum([item.quantity for item in items]),
        version=cart.version,
        updated_at=cart.updated_at,
        expires_at=cart.updated_at + timedelta(days=settings.guest_cart_days) if cart.user_id is None else None,
    )


def show_untouched(carts: Carts, user_id: str) -> CartView:
    """The cart of a user who never put anything in: there is no row of it yet."""
    nothing = Money(0, carts.settings.currency)
    return CartView(
        id=user_id,
        user_id=user_id,
        items=[],
        saved_items=[],
        subtotal=nothing,
        item_count=0,
        version=0,
        updated_at=None,
        expires_at=None,
    )


def _item(line: Line, snapshot: ProductSnapshot, currency: str, fields: Known) -> ItemView:
    offer = snapshot.offers.get(line.sku)
    price = snapshot.price_of(line.sku, currency)
    return ItemView(
        sku=line.sku,
        product_id=None if offer is None else offer.product_id,
        name=None if offer is None else offer.name,
        quantity=line.quantity,
        unit_price=price,
        compare_at=offer.compare_at if price and offer else None,
        subtotal=price * line.quantity if price and line.quantity <= snapshot.most_of(line.sku) else None,
        available=price is not None and snapshot.can_be_had(line),
        promise=None if price is None else snapshot.promise(line),
        problems=problems_of(line, price, snapshot.available(line.sku)),
        # Where no field is known none is looked for.
        custom_fields=named(fields, line.said.custom_fields).shown(private=False) if fields else {},
        metadata=dict(line.said.metadata),
    )
