"""The facts that order announces. The subject is the order's id, the version the order's."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoa.kit.events import Fact
from stoa.kit.money import Money


class PlacedItem(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    product_id: str
    name: str
    quantity: int
    unit_price: Money


class OrderPlaced(Fact, frozen=True, kw_only=True, event="order.placed"):
    """Paid and promised its stock. `user_id` is None for a guest's."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    items: Sequence[PlacedItem]
    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    reservation_key: str
    payment_id: str | None


class OrderCanceled(Fact, frozen=True, kw_only=True, event="order.canceled"):
    """An order that was paid is called off: its stock is free again, and `total` is to be refunded."""

    order_id: str
    number: str
    email: str
    reason: str
    reservation_key: str
    payment_id: str | None
    total: Money


class OrderShipped(Fact, frozen=True, kw_only=True, event="order.shipped"):
    order_id: str
    number: str
    email: str
    carrier: str
    tracking_number: str


class OrderDelivered(Fact, frozen=True, kw_only=True, event="order.delivered"):
    order_id: str
    number: str
    email: str


class ReturnedItem(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    quantity: int


class OrderReturned(Fact, frozen=True, kw_only=True, event="order.returned"):
    """Some or all of it came back: `items` go back to stock, `refund` is to be paid."""

    order_id: str
    number: str
    email: str
    return_id: str
    reservation_key: str
    payment_id: str | None
    items: Sequence[ReturnedItem]
    refund: Money
