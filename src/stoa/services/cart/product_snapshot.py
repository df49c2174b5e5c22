"""What catalog and inventory say about the SKUs of a cart: names, prices, what can be had."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stoa.contracts.catalog.v1.catalog_pb2 import GetVariantsRequest, PriceContext, Variant
from stoa.contracts.inventory.v1.inventory_pb2 import GetStockRequest
from stoa.kit import problems
from stoa.kit.money import MOST_MINOR, Money
from stoa.services.cart.document import Line
from stoa.services.cart.errors import NotForSale
from stoa.services.cart.lines import MOST_OF_A_LINE
from stoa.services.cart.service import Carts

if TYPE_CHECKING:
    from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceAsyncStub
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub


class Offer(NamedTuple):
    """What catalog says of a SKU that is for sale. Read off its message once, for all who ask for it together."""

    product_id: str
    name: str
    price: Money | None


@dataclass(frozen=True)
class ProductSnapshot:
    """`available` has an entry for every SKU that was asked about: zero where inventory knows none of
    it, None where inventory did not answer.
    """

    offers: Mapping[str, Offer] = field(default_factory=dict)
    available: Mapping[str, int | None] = field(default_factory=dict)

    def joined(self, other: ProductSnapshot) -> ProductSnapshot:
        return ProductSnapshot({**self.offers, **other.offers}, {**self.available, **other.available})

    def to_sell(self, sku: str) -> int | None:
        """How many of `sku` can be had, None if nobody knows. Raises `NotForSale` if catalog has none, or no price."""
        if sku not in self.offers or self.offers[sku].price is None:
            raise NotForSale(sku)
        return self.available[sku]

    def most_of(self, sku: str) -> int:
        """How many of `sku`, which is for sale, one line may hold: what they cost is still an amount."""
        price = self.offers[sku].price
        return MOST_OF_A_LINE if price is None else min(MOST_OF_A_LINE, MOST_MINOR // max(1, price.amount))

    def can_be_had(self, line: Line) -> bool:
        """Whether there are as many as the line wants; by inventory's last word where it is silent."""
        available = self.available[line.sku]
        return not line.sold_out if available is None else line.quantity <= available


def look_up(carts: Carts, wanted: Mapping[str, int]) -> Awaitable[ProductSnapshot]:
    """Of so many of each SKU. Both neighbors are asked at once, whenever it is awaited. Never with a transaction open.

    Without catalog there is no name and no price, so its silence is a failure. Inventory's is not: a
    cart can be shown and filled without it, and the reservation at the checkout has the last word.
    """
    return _said(wanted, carts.for_sale.ask(wanted.items()), carts.stock.ask(wanted.keys()))


async def _said(
    wanted: Mapping[str, int],
    selling: asyncio.Future[Mapping[tuple[str, int], Offer]],
    stocking: asyncio.Future[Mapping[str, int]],
) -> ProductSnapshot:
    try:
        offers = await selling
    except BaseException:
        stocking.cancel()
        raise
    available: Mapping[str, int | None]
    try:
        stock = await stocking
        available = {sku: stock.get(sku, 0) for sku in wanted}
    except problems.Unavailable:
        available = dict.fromkeys(wanted)
    return ProductSnapshot({line[0]: offers[line] for line in wanted.items() if line in offers}, available)


async def offers_of(
    catalog: CatalogServiceAsyncStub, currency: str, lines: Collection[tuple[str, int]]
) -> Mapping[tuple[str, int], Offer]:
    """What catalog has for sale of so many of a SKU, by SKU and quantity."""
    # Several carts may want the same in different quantities, and a call names each SKU once.
    calls: list[dict[str, int]] = []
    for sku, quantity in lines:
        call = next((each for each in calls if sku not in each), None)
        if call is None:
            call = {}
            calls.append(call)
        call[sku] = quantity
    answers = await asyncio.gather(
        *(
            catalog.GetVariants(
                GetVariantsRequest(skus=list(call), context=PriceContext(currency=currency, quantities=call))
            )
            for call in calls
        )
    )
    return {
        (variant.sku, call[variant.sku]): _offer(variant)
        for call, answer in zip(calls, answers, strict=True)
        for variant in answer.variants
    }


def _offer(variant: Variant) -> Offer:
    name = f"{variant.product_name} ({variant.variant_name})" if variant.variant_name else variant.product_name
    price = Money(variant.price.amount_minor, variant.price.currency) if variant.HasField("price") else None
    return Offer(variant.product_id, name, price)


async def stock_of(inventory: InventoryServiceAsyncStub, skus: Collection[str]) -> Mapping[str, int]:
    """How many can be had of each SKU that inventory knows."""
    answer = await inventory.GetStock(GetStockRequest(skus=skus))
    return {stock.sku: stock.available for stock in answer.stock}
