"""Tax zones and shipping zones over REST, for staff."""

from __future__ import annotations

from datetime import datetime

import msgspec

from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Id, Page, PageQuery
from stoa.services.checkout import zones_repository as repository
from stoa.services.checkout.edit_zones import add_zone, find_zone, remove_zone, replace_zone
from stoa.services.checkout.places import Place
from stoa.services.checkout.service import Checkouts
from stoa.services.checkout.tax import Rate
from stoa.services.checkout.zones import ShippingZone, ShippingZoneBody, TaxZone, TaxZoneBody

routes: Routes[Checkouts] = Routes("checkout", about={"zone_id": "The zone's id"})

EDIT_TAXES = may("checkout.taxes.edit")
EDIT_SHIPPING = may("checkout.shipping.edit")


class RateView(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` is in percent."""

    name: str
    tax_class: str
    rate: str
    on_shipping: bool


class TaxZoneView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    places: tuple[Place, ...]
    rates: list[RateView]
    version: int
    created_at: datetime
    updated_at: datetime


@routes.get("/tax/zones", query=PageQuery, answer=Page[TaxZoneView], who=EDIT_TAXES, summary="Tax zones, newest first")
async def get_tax_zones(checkouts: Checkouts, request: Request[None, PageQuery]) -> Page[TaxZoneView]:
    query = request.query
    found = await repository.zones_before(checkouts.db, "tax", decode_key(query.cursor, tuple[Id]), query.limit + 1)
    return page_of([_tax_view(each) for each in found], query.limit, lambda view: (view.id,))


@routes.post("/tax/zones", body=TaxZoneBody, answer=TaxZoneView, status=201, who=EDIT_TAXES, summary="Make a tax zone")
async def post_tax_zone(checkouts: Checkouts, request: Request[TaxZoneBody]) -> TaxZoneView:
    """From the first zone on, nothing is due where none matches."""
    return _tax_view(await add_zone(checkouts.db, request.body))


@routes.get("/tax/zones/{zone_id:uuid}", answer=TaxZoneView, who=EDIT_TAXES, summary="A tax zone")
async def get_tax_zone(checkouts: Checkouts, request: Request) -> TaxZoneView:
    return _tax_view(await find_zone(checkouts.db, "tax", request.path["zone_id"]))


@routes.put(
    "/tax/zones/{zone_id:uuid}",
    body=TaxZoneBody,
    answer=TaxZoneView,
    who=EDIT_TAXES,
    versioned=True,
    summary="Replace a tax zone",
)
async def put_tax_zone(checkouts: Checkouts, request: Request[TaxZoneBody]) -> TaxZoneView:
    """All of it, places and rates; the next quote has them."""
    return _tax_view(await replace_zone(checkouts.db, request.path["zone_id"], request.body, request.if_match))


@routes.delete("/tax/zones/{zone_id:uuid}", who=EDIT_TAXES, versioned=True, summary="Remove a tax zone")
async def delete_tax_zone(checkouts: Checkouts, request: Request) -> None:
    """Without any zone the flat rate of the settings holds again."""
    await remove_zone(checkouts.db, "tax", request.path["zone_id"], request.if_match)


@routes.get(
    "/shipping/zones",
    query=PageQuery,
    answer=Page[ShippingZone],
    who=EDIT_SHIPPING,
    summary="Shipping zones, newest first",
)
async def get_shipping_zones(checkouts: Checkouts, request: Request[None, PageQuery]) -> Page[ShippingZone]:
    query = request.query
    before = decode_key(query.cursor, tuple[Id])
    found = await repository.zones_before(checkouts.db, "shipping", before, query.limit + 1)
    return page_of(found, query.limit, lambda view: (view.id,))


@routes.post(
    "/shipping/zones",
    body=ShippingZoneBody,
    answer=ShippingZone,
    status=201,
    who=EDIT_SHIPPING,
    summary="Make a shipping zone",
)
async def post_shipping_zone(checkouts: Checkouts, request: Request[ShippingZoneBody]) -> ShippingZone:
    """From the first zone on, nothing is sent where none matches."""
    made: ShippingZone = await add_zone(checkouts.db, request.body)
    return made


@routes.get("/shipping/zones/{zone_id:uuid}", answer=ShippingZone, who=EDIT_SHIPPING, summary="A shipping zone")
async def get_shipping_zone(checkouts: Checkouts, request: Request) -> ShippingZone:
    found: ShippingZone = await find_zone(checkouts.db, "shipping", request.path["zone_id"])
    return found


@routes.put(
    "/shipping/zones/{zone_id:uuid}",
    body=ShippingZoneBody,
    answer=ShippingZone,
    who=EDIT_SHIPPING,
    versioned=True,
    summary="Replace a shipping zone",
)
async def put_shipping_zone(checkouts: Checkouts, request: Request[ShippingZoneBody]) -> ShippingZone:
    """All of it, places and methods; the next quote has them."""
    zone_id = request.path["zone_id"]
    after: ShippingZone = await replace_zone(checkouts.db, zone_id, request.body, request.if_match)
    return after


@routes.delete("/shipping/zones/{zone_id:uuid}", who=EDIT_SHIPPING, versioned=True, summary="Remove a shipping zone")
async def delete_shipping_zone(checkouts: Checkouts, request: Request) -> None:
    """Without any zone the flat prices of the settings hold again."""
    await remove_zone(checkouts.db, "shipping", request.path["zone_id"], request.if_match)


def _tax_view(zone: TaxZone) -> TaxZoneView:
    rates = [
        RateView(
            name=one.name,
            tax_class=one.tax_class,
            rate=Rate(one.name, one.parts_per_million).percent,
            on_shipping=one.on_shipping,
        )
        for one in zone.rates
    ]
    return TaxZoneView(
        id=zone.id,
        name=zone.name,
        places=zone.places,
        rates=rates,
        version=zone.version,
        created_at=zone.created_at,
        updated_at=zone.updated_at,
    )
