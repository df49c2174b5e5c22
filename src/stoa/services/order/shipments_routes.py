"""The public API of parcels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit.http.routes import OWNER, Request, Routes, may
from stoa.kit.http.types import Id, Name, Page, Quantity, Sku, WebUrl
from stoa.services.order import access, ship_order
from stoa.services.order.deliver_order import deliver_order
from stoa.services.order.figures import MOST_LINES
from stoa.services.order.service import Orders
from stoa.services.order.view import OrderView, ShipmentView, shipment_view

FULFILL = may(access.FULFILL)

routes: Routes[Orders] = Routes("order")


class PackedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku
    quantity: Quantity


class Parcel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `items` all that is left to send."""

    carrier: Name
    tracking_number: Name
    tracking_url: WebUrl | None = None
    items: Annotated[Sequence[PackedItem], Meta(min_length=1, max_length=MOST_LINES)] | None = None


class Arrived(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without a `shipment_id` all parcels that are on their way."""

    shipment_id: Id | None = None


@routes.post(
    "/orders/{order_id:uuid}/ship",
    body=Parcel,
    answer=OrderView,
    who=FULFILL,
    versioned=True,
    summary="Hand a parcel to a carrier: all that is left to send, or some of it",
)
async def ship_one_order(orders: Orders, request: Request[Parcel]) -> OrderView:
    body, caller = request.body, request.caller
    parcel = ship_order.Parcel(
        carrier=body.carrier,
        tracking_number=body.tracking_number,
        tracking_url=body.tracking_url,
        items=[(item.sku, item.quantity) for item in body.items] if body.items is not None else None,
    )
    return access.shown(
        await ship_order.ship_order(orders, request.path["order_id"], caller, parcel, request.if_match), caller
    )


@routes.post(
    "/orders/{order_id:uuid}/deliver",
    body=Arrived,
    answer=OrderView,
    who=FULFILL,
    versioned=True,
    summary="The customer has a parcel, or all that are on their way",
)
async def deliver_one_order(orders: Orders, request: Request[Arrived]) -> OrderView:
    caller, wanted = request.caller, request.body.shipment_id
    shipment_id = wanted.lower() if wanted is not None else None
    return access.shown(
        await deliver_order(orders, request.path["order_id"], caller, shipment_id, request.if_match), caller
    )


@routes.get(
    "/orders/{order_id:uuid}/shipments", answer=Page[ShipmentView], who=OWNER, summary="The parcels of an order"
)
async def list_shipments(orders: Orders, request: Request) -> Page[ShipmentView]:
    """In the order in which they left."""
    order = await access.find(orders, request.path["order_id"], request.caller)
    return Page([shipment_view(shipment) for shipment in order.shipments])
