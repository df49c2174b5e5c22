"""The facts that order announces. The subject is the order's id, the version the order's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stoa.kit.custom_fields.values import Value
from stoa.kit.events import Fact
from stoa.kit.money import Money
from stoa.services.order.promise import Promise


class PlacedItem(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    product_id: str
    name: str
    quantity: int
    unit_price: Money


class OrderPlaced(Fact, frozen=True, kw_only=True, event="order.placed", personal=("email", "said"), first=True):
    """Paid and promised its stock. `user_id` is None for a guest's. By SKU, `said` is what was said in the cart for the
    custom fields of a line, and `promises` what was promised of what was not on hand. The total has the tax in it where
    it is `tax_included`."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    items: Sequence[PlacedItem]
    said: Mapping[str, Mapping[str, Value]]
    promises: Mapping[str, Promise]
    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    tax_included: bool
    total: Money
    reservation_key: str
    payment_id: str | None


class OrderCanceled(Fact, frozen=True, kw_only=True, event="order.canceled", personal=("email",)):
    """An order that was paid is called off: its stock is free again, and `refund` is to be paid: its `total`, less
    what has gone back before. So much the order knows: payment gives what is left, and tells where that is another sum.
    """

    order_id: str
    number: str
    email: str
    reason: str
    reservation_key: str
    payment_id: str | None
    total: Money
    refund: Money


class CanceledItem(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    name: str
    quantity: int


class OrderItemsCanceled(Fact, frozen=True, kw_only=True, event="order.items_canceled", personal=("email",)):
    """Units that were not sent are called off, and the rest of the order stands: their stock is free again, and
    `refund` is to be paid, what they are worth, or the less that is left of the payment. `source` names this
    cancellation. Payment tells where even less is left when it hears of it."""

    order_id: str
    number: str
    email: str
    source: str
    reason: str
    reservation_key: str
    payment_id: str | None
    items: Sequence[CanceledItem]
    refund: Money


class SentItem(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    name: str
    quantity: int


class OrderShipped(Fact, frozen=True, kw_only=True, event="order.shipped", personal=("email",)):
    """A parcel with these `items` was handed to a carrier. `complete`: nothing is left to be sent."""

    order_id: str
    number: str
    email: str
    shipment_id: str
    carrier: str
    tracking_number: str
    tracking_url: str | None
    items: Sequence[SentItem]
    complete: bool


class OrderDelivered(Fact, frozen=True, kw_only=True, event="order.delivered", personal=("email",)):
    """The customer has these parcels, with these `items`. `complete`: all that was ordered and not canceled."""

    order_id: str
    number: str
    email: str
    shipment_ids: Sequence[str]
    items: Sequence[SentItem]
    complete: bool


class AskedItem(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    quantity: int


class OrderReturnRequested(Fact, frozen=True, kw_only=True, event="order.return_requested", personal=("email",)):
    """The buyer wants to send `items` back: nothing has moved."""

    order_id: str
    number: str
    email: str
    return_id: str
    items: Sequence[AskedItem]
    reason: str


class OrderReturnApproved(Fact, frozen=True, kw_only=True, event="order.return_approved", personal=("email",)):
    """The buyer may send `items` back."""

    order_id: str
    number: str
    email: str
    return_id: str
    items: Sequence[AskedItem]


class OrderReturnRefused(Fact, frozen=True, kw_only=True, event="order.return_refused", personal=("email",)):
    """The buyer may not: `reason` is what the staff tells them."""

    order_id: str
    number: str
    email: str
    return_id: str
    items: Sequence[AskedItem]
    reason: str


class ReturnedItem(msgspec.Struct, frozen=True, kw_only=True):
    """`restock` of the `quantity` go back on the shelf."""

    sku: str
    quantity: int
    restock: int


class OrderReturned(Fact, frozen=True, kw_only=True, event="order.returned", personal=("email",)):
    """Some or all of it is here again: `items` came, `refund` is to be paid: what they are worth, or the less
    that is left of the payment. Payment tells where even less is left when it hears of it.
    """

    order_id: str
    number: str
    email: str
    return_id: str
    reservation_key: str
    payment_id: str | None
    items: Sequence[ReturnedItem]
    refund: Money
