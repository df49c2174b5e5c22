"""Catalog's public API of prices, for everybody: what SKUs cost, and for whom."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit import clock
from stoa.kit.http.bounds import skus_in
from stoa.kit.http.routes import PUBLIC, Request, Routes
from stoa.kit.http.types import CountryCode, CurrencyCode, Page, Quantity
from stoa.kit.money import Money
from stoa.services.catalog import variants_repository
from stoa.services.catalog.pricing import Context, Priced, Tier, ms_of
from stoa.services.catalog.sales import lowest_of
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.variants_repository import ForSale

routes: Routes[Catalog] = Routes("catalog")


class PriceView(msgspec.Struct):
    """What one of a SKU costs where the caller is; null: it is not sold there. `compare_at` is its own price, where the
    one that holds is lower; `price_list` the slug of the list that this is from, null of its own. Of what is reduced
    for everybody `lowest_30_days` is the lowest price that everybody paid in the 30 days before. `tiers` are all that
    one costs there, by how many are bought, whatever `quantity` is asked for: mostly one, from 1 on."""

    sku: str
    variant_id: str
    product_id: str
    price: Money | None
    compare_at: Money | None
    price_list: str | None
    lowest_30_days: Money | None
    tiers: list[Tier]


class PriceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For whom. In which customer groups the caller is, the token says.

    skus: with commas between them, 100 at most
    currency: ISO 4217; left out: the shop's own
    country: where the goods go, ISO 3166-1 alpha-2; left out: prices that are for no country in particular
    quantity: how many units of each are bought, for prices that fall with the quantity
    """

    skus: Annotated[str, Meta(min_length=1, max_length=10_000, examples=["MUG-BLUE,MUG-RED"])]
    currency: CurrencyCode | None = None
    country: CountryCode | None = None
    quantity: Quantity = 1


@routes.get("/prices", query=PriceQuery, answer=Page[PriceView], who=PUBLIC, summary="What SKUs cost, and for whom")
async def get_prices(catalog: Catalog, request: Request[None, PriceQuery]) -> Page[PriceView]:
    """In the order in which they are asked for. A SKU that is not for sale, or that nobody has, is not among `items`,
    which is no error; one that is sold, but not here, has null for its price."""
    query = request.query
    skus = skus_in(query.skus)
    currency = query.currency or catalog.settings.currency
    context = Context(currency, query.country or "", frozenset(request.groups), ms_of(clock.now()))
    found = await variants_repository.variants_for_sale(catalog.db, skus, context)
    shown = {sku: one.price_in(context, query.quantity) for sku, one in found.items()}
    before = await lowest_of(catalog, found.values(), shown, context.at_ms)
    return Page([_price_view(found[sku], shown[sku], before.get(sku), context) for sku in skus if sku in found])


def _price_view(variant: ForSale, priced: Priced | None, lowest_30_days: Money | None, context: Context) -> PriceView:
    return PriceView(
        sku=variant.sku,
        variant_id=variant.id,
        product_id=variant.product_id,
        price=priced.price if priced else None,
        compare_at=priced.compare_at if priced else None,
        price_list=priced.listed.list if priced and priced.listed else None,
        lowest_30_days=lowest_30_days,
        tiers=variant.tiers_in(context),
    )
