"""Catalog's public API of price lists: who may edit prices sees and changes them; what they come to, `GET /prices` says
to everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit.http.pages import decode_cursor, decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Id, Page, PageQuery
from stoa.kit.money import Money
from stoa.services.catalog import price_lists_repository as repository
from stoa.services.catalog.price_bodies import NewPriceList, NewPrices
from stoa.services.catalog.price_lists import (
    add_price_list,
    archive_price_list,
    find_price_list,
    replace_price_list,
    set_prices,
)
from stoa.services.catalog.price_lists_repository import ListStatus, PriceList
from stoa.services.catalog.service import Catalog

EDIT_PRICES = may("catalog.prices.edit")

routes: Routes[Catalog] = Routes("catalog")


class PriceListView(msgspec.Struct, kw_only=True):
    """`version` counts its changes, those of prices in it among them."""

    id: str
    slug: str
    name: str
    currency: str
    customer_group: str | None
    countries: Sequence[str]
    priority: int
    starts_at: datetime | None
    ends_at: datetime | None
    status: ListStatus
    version: int
    created_at: datetime
    updated_at: datetime


class ListedView(msgspec.Struct):
    """What one of a SKU costs by the list to who buys so many or more."""

    sku: str
    variant_id: str
    least_quantity: int
    price: Money


@routes.get(
    "/price-lists", query=PageQuery, answer=Page[PriceListView], who=EDIT_PRICES, summary="Price lists, newest first"
)
async def get_price_lists(catalog: Catalog, request: Request[None, PageQuery]) -> Page[PriceListView]:
    query = request.query
    found = await repository.lists_before(catalog.db, decode_key(query.cursor, tuple[Id]), query.limit + 1)
    return page_of([_view(each) for each in found], query.limit, lambda view: (view.id,))


@routes.post(
    "/price-lists", body=NewPriceList, answer=PriceListView, status=201, who=EDIT_PRICES, summary="Make a price list"
)
async def post_price_list(catalog: Catalog, request: Request[NewPriceList]) -> PriceListView:
    """There is no price in it yet, and a draft holds nowhere: say `"status": "active"` with it, or later."""
    return _view(await add_price_list(catalog, request.body))


@routes.get(
    "/price-lists/{list}", answer=PriceListView, who=EDIT_PRICES, summary="A price list, named by its id or slug"
)
async def get_price_list(catalog: Catalog, request: Request) -> PriceListView:
    return _view(await find_price_list(catalog, request.path["list"]))


@routes.put(
    "/price-lists/{list}",
    body=NewPriceList,
    answer=PriceListView,
    who=EDIT_PRICES,
    versioned=True,
    summary="Change a price list, but not the prices in it",
)
async def put_price_list(catalog: Catalog, request: Request[NewPriceList]) -> PriceListView:
    """All that is said of it, but its currency, which stays. What is left out is as in a new list: without a `status`
    it is a draft again, and holds no more."""
    return _view(await replace_price_list(catalog, request.path["list"], request.body, request.if_match))


@routes.delete("/price-lists/{list}", who=EDIT_PRICES, versioned=True, summary="End a price list for good")
async def delete_price_list(catalog: Catalog, request: Request) -> None:
    await archive_price_list(catalog, request.path["list"], request.if_match)


@routes.get(
    "/price-lists/{list}/prices",
    query=PageQuery,
    answer=Page[ListedView],
    who=EDIT_PRICES,
    summary="The prices in a price list",
)
async def get_listed_prices(catalog: Catalog, request: Request[None, PageQuery]) -> Page[ListedView]:
    query = request.query
    found = await find_price_list(catalog, request.path["list"])
    after = decode_cursor(query.cursor, tuple[Id, Annotated[int, Meta(ge=0, le=100_000)]])
    prices = await repository.prices_after(catalog.db, found.id, after, query.limit + 1)
    views = [
        ListedView(one.sku, one.variant_id, one.least_quantity, Money(one.amount_minor, found.currency))
        for one in prices
    ]
    return page_of(views, query.limit, lambda view: (view.variant_id, view.least_quantity))


@routes.put(
    "/price-lists/{list}/prices",
    body=NewPrices,
    answer=PriceListView,
    who=EDIT_PRICES,
    versioned=True,
    summary="Set the prices of many SKUs in a price list; all of them or none",
)
async def put_listed_prices(catalog: Catalog, request: Request[NewPrices]) -> PriceListView:
    """Of SKUs that are not named everything stays as it is."""
    return _view(await set_prices(catalog, request.path["list"], request.body, request.if_match))


def _view(one: PriceList) -> PriceListView:
    return PriceListView(**one._asdict())
