"""What everybody pays by a list, and what that cost in the 30 days before it was reduced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from stoa.kit import clock
from stoa.kit.money import Money
from stoa.services.catalog import public_prices_repository, variants_repository
from stoa.services.catalog.pricing import EVERYBODY, Priced, lowest_before, ms_of
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.variants_repository import ForSale


class Sale(msgspec.Struct, frozen=True):
    """Of a SKU: `price` is what everybody pays, by the list of this slug. Where that is less than its own,
    `lowest_30_days` is the lowest price that everybody paid in the 30 days before it was that, if there was any."""

    sku: str
    price: Money
    price_list: str
    lowest_30_days: Money | None


async def sales_of(catalog: Catalog, skus: Iterable[str]) -> dict[str, Sale]:
    """By SKU: those for which everybody pays what a list says."""
    context = EVERYBODY._replace(at_ms=ms_of(clock.now()))
    found = await variants_repository.variants_for_sale(catalog.db, skus, context)
    priced = {sku: one.price_in(context, 1) for sku, one in found.items()}
    before = await lowest_of(catalog, found.values(), priced, context.at_ms)
    return {
        sku: Sale(sku, one.price, one.listed.list, before.get(sku)) for sku, one in priced.items() if one and one.listed
    }


async def lowest_of(
    catalog: Catalog, variants: Iterable[ForSale], priced: Mapping[str, Priced | None], at_ms: int
) -> dict[str, Money]:
    """By SKU: of those whose price is reduced by a list for everybody, the lowest of the 30 days before. One statement,
    and none where nothing is."""
    reduced = {one.sku: one for one in variants if _is_public_sale(priced[one.sku])}
    if not reduced:
        return {}
    history = await public_prices_repository.held_prices(catalog.db, [one.id for one in reduced.values()])
    found = {}
    for sku, one in reduced.items():
        now = priced[sku]
        assert now is not None  # reduced
        lowest = lowest_before(history.get(one.id, ()), now.price.amount, at_ms)
        if lowest is not None:
            found[sku] = Money(lowest, one.own_price.currency)
    return found


def _is_public_sale(priced: Priced | None) -> bool:
    if priced is None or priced.compare_at is None or priced.listed is None:
        return False
    listed = priced.listed
    return listed.group is None and not listed.countries and listed.least_quantity == 1
