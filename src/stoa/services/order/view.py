"""An order as the public API answers it. The gRPC contract carries the same bytes as `order_json`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from stoa.kit.custom_fields.values import Value
from stoa.kit.db import Db
from stoa.kit.http.types import Address
from stoa.kit.money import Money
from stoa.services.order.fulfillment import FulfillmentStatus
from stoa.services.order.payment_status import PaymentStatus
from stoa.services.order.promise import Promise
from stoa.services.order.repository import DeliveryEstimate, ListOf, Order, Shipment, Tax, list_orders_of_users
from stoa.services.order.states import Status


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """`subtotal` is unit price × quantity; `discount` and `tax` are this line's share of the order's. `promise` is what
    the buyer was told of what was not on hand then: it `ships_by` that day, or as a `preorder_from` that day on.

    `custom_fields` are what was said in the cart, as it was, and over it what the shop says of the line.
    """

    product_id: str
    sku: str
    name: str
    unit_price: Money
    quantity: int
    subtotal: Money
    discount: Money
    tax: Money
    promise: Promise | None
    canceled_quantity: int
    shipped_quantity: int
    returned_quantity: int
    custom_fields: dict[str, Value]
    metadata: dict[str, str]


class ShippedItemView(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    quantity: int


class ShipmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel; its `number` counts those of the order."""

    id: str
    number: int
    carrier: str
    tracking_number: str
    tracking_url: str | None
    items: list[ShippedItemView]
    shipped_at: datetime
    delivered_at: datetime | None


class TrackingView(msgspec.Struct, frozen=True, kw_only=True):
    """The last parcel: older than `shipments`, which has all of them."""

    carrier: str
    tracking_number: str
    shipped_at: datetime
    delivered_at: datetime | None


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """`total` = subtotal - discount + shipping + tax; where it is `tax_included`, the same without tax, which is in the
    prices then. `taxes` are its parts by rate, in percent. `refunded` is what has gone back so far;
    `fulfillment_status` says what of it has left and arrived. Of `custom_fields` the buyer is shown the public ones, of
    `metadata` nothing.
    """

    id: str
    number: str
    user_id: str | None
    email: str
    status: Status
    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    items: list[ItemView]
    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    tax_included: bool
    taxes: Sequence[Tax]
    total: Money
    refunded: Money
    shipping_method: str
    shipping_name: str
    pickup: bool
    delivery_estimate: DeliveryEstimate | None
    shipping_address: Address
    billing_address: Address
    payment_id: str | None
    tracking: TrackingView | None
    shipments: list[ShipmentView]
    custom_fields: dict[str, Value]
    metadata: dict[str, str]
    version: int
    created_at: datetime
    updated_at: datetime


def payment_status_of(order: Order) -> PaymentStatus:
    return order.standing.payment


def shipment_view(shipment: Shipment) -> ShipmentView:
    return ShipmentView(
        id=shipment.id,
        number=shipment.number,
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        tracking_url=shipment.tracking_url,
        items=[ShippedItemView(sku=sku, quantity=quantity) for sku, quantity in shipment.items],
        shipped_at=shipment.shipped_at,
        delivered_at=shipment.delivered_at,
    )


def view(order: Order, *, private: bool) -> OrderView:
    items = [
        ItemView(
            product_id=item.product_id,
            sku=item.sku,
            name=item.name,
            unit_price=item.unit_price,
            quantity=item.quantity,
            subtotal=item.subtotal,
            discount=item.discount,
            tax=item.tax,
            promise=item.promise,
            canceled_quantity=item.canceled_quantity,
            shipped_quantity=item.shipped_quantity,
            returned_quantity=item.returned_quantity,
            custom_fields={**item.said, **item.custom_fields.shown(private=private)},
            metadata=dict(item.metadata) if private else {},
        )
        for item in order.items
    ]
    tracking = None
    if order.shipments:
        last = order.shipments[-1]
        tracking = TrackingView(
            carrier=last.carrier,
            tracking_number=last.tracking_number,
            shipped_at=last.shipped_at,
            delivered_at=last.delivered_at,
        )
    return OrderView(
        id=order.id,
        number=order.number,
        user_id=order.user_id,
        email=order.email,
        status=order.status,
        payment_status=payment_status_of(order),
        fulfillment_status=order.fulfillment,
        items=items,
        subtotal=order.subtotal,
        discount=order.discount,
        shipping=order.shipping,
        tax=order.tax,
        tax_included=order.tax_included,
        taxes=order.taxes,
        total=order.total,
        refunded=order.refunded,
        shipping_method=order.shipping_method,
        shipping_name=order.shipping_name,
        pickup=order.pickup,
        delivery_estimate=order.delivery_estimate,
        shipping_address=Address(**order.shipping_address),
        billing_address=Address(**order.billing_address),
        payment_id=order.payment_id,
        tracking=tracking,
        shipments=[shipment_view(shipment) for shipment in order.shipments],
        custom_fields=order.custom_fields.shown(private=private),
        metadata=dict(order.metadata) if private else {},
        version=order.version,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


class ShownList(NamedTuple):
    """A list as it is shown to who may see what is `private`, or may not."""

    listed: ListOf
    private: bool


async def show_lists(db: Db, asked: Collection[ShownList]) -> dict[ShownList, list[OrderView]]:
    """Each of the lists."""
    found = await list_orders_of_users(db, {each.listed for each in asked})
    return {each: [view(order, private=each.private) for order in found[each.listed]] for each in asked}


_encode = msgspec.json.Encoder().encode


def order_json(order: Order) -> bytes:
    """Byte for byte what the API answers to the buyer."""
    return _encode(view(order, private=False))
