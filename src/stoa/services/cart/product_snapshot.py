"""What catalog and inventory say about the SKUs of a cart: names, prices, what can be had.

A price is for a market and a quantity: prices are asked for together by all who want the same, and what is known for
another quantity is asked for again, where catalog says that it may cost something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stoa.contracts.catalog.v1.catalog_pb2 import (
    GetVariantsManyRequest,
    GetVariantsRequest,
    PriceContext,
    Variant,
)
from stoa.contracts.common.v1.common_pb2 import Money as MoneyMessage
from stoa.contracts.inventory.v1.inventory_pb2 import GetStockRequest
from stoa.kit import problems
from stoa.kit.money import MOST_MINOR, Money
from stoa.services.cart.document import Line
from stoa.services.cart.errors import NotForSale
from stoa.services.cart.lines import MOST_OF_A_LINE
from stoa.services.cart.service import Carts
from stoa.services.cart.supply import NOTHING, PromiseView, Supply, supply_of

if TYPE_CHECKING:
    from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceAsyncStub
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub


class Market(NamedTuple):
    """For whom a price is: `country` is where the goods go, empty where nobody has said it; `groups` are the customer
    groups of whoever asks, in their order."""

    country: str = ""
    groups: tuple[str, ...] = ()


ANYBODY = Market()


class Wanted(NamedTuple):
    """So many of a SKU, in a market."""

    sku: str
    quantity: int
    market: Market


class Offer(NamedTuple):
    """What catalog says of a SKU that is for sale. Read off its message once, for all who ask for it together.

    `compare_at` is its own price, where the one that holds is lower. `only_for` is what was asked for, if the price may
    be another for another quantity or market.
    """

    product_id: str
    name: str
    price: Money | None
    compare_at: Money | None = None
    only_for: Wanted | None = None

    def is_for(self, wanted: Wanted) -> bool:
        return self.only_for is None or self.only_for == wanted


@dataclass(frozen=True)
class ProductSnapshot:
    """`supply` has an entry for every SKU that was asked about: `NOTHING` where inventory knows none of
    it, None where inventory did not answer.
    """

    offers: Mapping[str, Offer] = field(default_factory=dict)
    supply: Mapping[str, Supply | None] = field(default_factory=dict)

    def joined(self, other: ProductSnapshot) -> ProductSnapshot:
        return ProductSnapshot({**self.offers, **other.offers}, {**self.supply, **other.supply})

    def knows(self, wanted: Wanted) -> bool:
        """Whether that was asked, or what was asked holds for it too."""
        offer = self.offers.get(wanted.sku)
        return wanted.sku in self.supply and (offer is None or offer.is_for(wanted))

    def to_sell(self, sku: str) -> int | None:
        """How many of `sku` can be had, None if nobody knows. Raises `NotForSale` if catalog has none, or no price."""
        if sku not in self.offers or self.offers[sku].price is None:
            raise NotForSale(sku)
        return self.available(sku)

    def price_of(self, sku: str, currency: str) -> Money | None:
        """What one costs, None for what is not for sale in this currency."""
        offer = self.offers.get(sku)
        return None if offer is None or offer.price is None or offer.price.currency != currency else offer.price

    def available(self, sku: str) -> int | None:
        """How many can be had, None if nobody knows."""
        supply = self.supply[sku]
        return None if supply is None else supply.available

    def prices_of(self, lines: Mapping[str, int]) -> dict[str, Money]:
        """What one of each costs where so many are wanted, of those of which it is known."""
        offers = {sku: offer for sku in lines if (offer := self.offers.get(sku)) is not None}
        return {
            sku: offer.price
            for sku, offer in offers.items()
            if offer.price is not None and (offer.only_for is None or offer.only_for.quantity == lines[sku])
        }

    def most_of(self, sku: str) -> int:
        """How many of `sku`, which is for sale, one line may hold: what they cost is still an amount."""
        price = self.offers[sku].price
        return MOST_OF_A_LINE if price is None else min(MOST_OF_A_LINE, MOST_MINOR // max(1, price.amount))

    def can_be_had(self, line: Line) -> bool:
        """Whether there are as many as the line wants; by inventory's last word where it is silent."""
        supply = self.supply[line.sku]
        return not line.sold_out if supply is None else line.quantity <= supply.available

    def promise(self, line: Line) -> PromiseView | None:
        """When what the line wants can be sent; None where inventory is silent."""
        supply = self.supply[line.sku]
        return None if supply is None else supply.promise(line.quantity)


def look_up(carts: Carts, lines: Mapping[str, int], market: Market = ANYBODY) -> Awaitable[ProductSnapshot]:
    """Of so many of each SKU. Both neighbors are asked at once, whenever it is awaited. Never with a transaction open.

    Without catalog there is no name and no price, so its silence is a failure. Inventory's is not: a
    cart can be shown and filled without it, and the reservation at the checkout has the last word.
    """
    wanted = [Wanted(sku, quantity, market) for sku, quantity in lines.items()]
    return _said(wanted, carts.for_sale.ask(wanted), carts.stock.ask(lines.keys()))


async def _said(
    wanted: Sequence[Wanted],
    selling: asyncio.Future[Mapping[Wanted, Offer]],
    stocking: asyncio.Future[Mapping[str, Supply]],
) -> ProductSnapshot:
    try:
        offers = await selling
    except BaseException:
        stocking.cancel()
        raise
    supply: Mapping[str, Supply | None]
    try:
        stock = await stocking
        supply = {one.sku: stock.get(one.sku, NOTHING) for one in wanted}
    except problems.Unavailable:
        supply = {one.sku: None for one in wanted}
    return ProductSnapshot({one.sku: offers[one] for one in wanted if one in offers}, supply)


async def offers_of(
    catalog: CatalogServiceAsyncStub, currency: str, wanted: Collection[Wanted]
) -> Mapping[Wanted, Offer]:
    """What catalog has for sale of all that is wanted, in one call."""
    # Several carts may want the same in different quantities, and a request names each SKU once.
    asked: list[tuple[Market, dict[str, int]]] = []
    for sku, quantity, market in wanted:
        lines = next((lines for known, lines in asked if known == market and sku not in lines), None)
        if lines is None:
            lines = {}
            asked.append((market, lines))
        lines[sku] = quantity
    requests = [
        GetVariantsRequest(
            skus=list(lines),
            context=PriceContext(currency=currency, country=market.country, groups=market.groups, quantities=lines),
        )
        for market, lines in asked
    ]
    answers = (await catalog.GetVariantsMany(GetVariantsManyRequest(requests=requests))).answers
    found = {}
    for (market, lines), answer in zip(asked, answers, strict=True):
        for variant in answer.variants:
            line = Wanted(variant.sku, lines[variant.sku], market)
            found[line] = _offer(variant, line)
    return found


def _offer(variant: Variant, wanted: Wanted) -> Offer:
    name = f"{variant.product_name} ({variant.variant_name})" if variant.variant_name else variant.product_name
    price = _money(variant.price) if variant.HasField("price") else None
    compare_at = _money(variant.compare_at) if variant.HasField("compare_at") else None
    return Offer(variant.product_id, name, price, compare_at, wanted if variant.price_varies else None)


def _money(message: MoneyMessage) -> Money:
    return Money(message.amount_minor, message.currency)


async def stock_of(inventory: InventoryServiceAsyncStub, skus: Collection[str]) -> Mapping[str, Supply]:
    """How many can be had of each SKU that inventory knows."""
    answer = await inventory.GetStock(GetStockRequest(skus=skus))
    return {stock.sku: supply_of(stock) for stock in answer.stock}
