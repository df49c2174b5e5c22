"""What order tells of itself: each fact made from the order as it is after the change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stoa.kit.events import Fact
from stoa.kit.money import Money
from stoa.kit.outbox import Announcement
from stoa.services.order.events import (
    AskedItem,
    CanceledItem,
    OrderCanceled,
    OrderDelivered,
    OrderItemsCanceled,
    OrderPlaced,
    OrderReturnApproved,
    OrderReturned,
    OrderReturnRefused,
    OrderReturnRequested,
    OrderShipped,
    PlacedItem,
    ReturnedItem,
    SentItem,
)
from stoa.services.order.fulfillment import FulfillmentStatus
from stoa.services.order.refunds import ReturnedLine
from stoa.services.order.repository import Order, Shipment
from stoa.services.order.returns_repository import Return


def placed(order: Order) -> Announcement:
    items = [
        PlacedItem(
            sku=item.sku,
            product_id=item.product_id,
            name=item.name,
            quantity=item.quantity,
            unit_price=item.unit_price,
        )
        for item in order.items
    ]
    fact = OrderPlaced(
        order_id=order.id,
        number=order.number,
        user_id=order.user_id,
        email=order.email,
        items=items,
        said={item.sku: item.said for item in order.items if item.said},
        promises={item.sku: item.promise for item in order.items if item.promise},
        subtotal=order.subtotal,
        discount=order.discount,
        shipping=order.shipping,
        tax=order.tax,
        tax_included=order.tax_included,
        total=order.total,
        reservation_key=order.reservation_key,
        payment_id=order.payment_id,
    )
    return _announcement(order, fact)


def canceled(order: Order, reason: str, refund: Money) -> Announcement:
    fact = OrderCanceled(
        order_id=order.id,
        number=order.number,
        email=order.email,
        reason=reason,
        reservation_key=order.reservation_key,
        payment_id=order.payment_id,
        total=order.total,
        refund=refund,
    )
    return _announcement(order, fact)


def items_canceled(
    order: Order, cancellation_id: str, units: Sequence[tuple[str, int]], reason: str, refund: Money
) -> Announcement:
    names = {item.sku: item.name for item in order.items}
    fact = OrderItemsCanceled(
        order_id=order.id,
        number=order.number,
        email=order.email,
        source=cancellation_id,
        reason=reason,
        reservation_key=order.reservation_key,
        payment_id=order.payment_id,
        items=[CanceledItem(sku=sku, name=names[sku], quantity=quantity) for sku, quantity in units],
        refund=refund,
    )
    return _announcement(order, fact)


def shipped(order: Order) -> Announcement:
    """Of its last parcel."""
    parcel = order.shipments[-1]
    fact = OrderShipped(
        order_id=order.id,
        number=order.number,
        email=order.email,
        shipment_id=parcel.id,
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        tracking_url=parcel.tracking_url,
        items=_sent_items(order, [parcel]),
        complete=not any(item.units.to_ship for item in order.items),
    )
    return _announcement(order, fact)


def delivered(order: Order, parcels: Sequence[Shipment]) -> Announcement:
    fact = OrderDelivered(
        order_id=order.id,
        number=order.number,
        email=order.email,
        shipment_ids=[parcel.id for parcel in parcels],
        items=_sent_items(order, parcels),
        complete=order.fulfillment is FulfillmentStatus.DELIVERED,
    )
    return _announcement(order, fact)


def _sent_items(order: Order, parcels: Sequence[Shipment]) -> list[SentItem]:
    """In the order of the order's lines."""
    sent: Counter[str] = Counter()
    for parcel in parcels:
        sent.update(dict(parcel.items))
    return [SentItem(sku=item.sku, name=item.name, quantity=sent[item.sku]) for item in order.items if sent[item.sku]]


def return_requested(order: Order, version: int, asked: Return) -> Announcement:
    fact = OrderReturnRequested(
        order_id=order.id,
        number=order.number,
        email=order.email,
        return_id=asked.id,
        items=_asked_items(asked),
        reason=asked.reason,
    )
    return Announcement(subject=order.id, version=version, fact=fact)


def return_approved(order: Order, version: int, asked: Return) -> Announcement:
    fact = OrderReturnApproved(
        order_id=order.id, number=order.number, email=order.email, return_id=asked.id, items=_asked_items(asked)
    )
    return Announcement(subject=order.id, version=version, fact=fact)


def return_refused(order: Order, version: int, asked: Return, reason: str) -> Announcement:
    fact = OrderReturnRefused(
        order_id=order.id,
        number=order.number,
        email=order.email,
        return_id=asked.id,
        items=_asked_items(asked),
        reason=reason,
    )
    return Announcement(subject=order.id, version=version, fact=fact)


def _asked_items(asked: Return) -> list[AskedItem]:
    return [AskedItem(sku=line.sku, quantity=line.quantity) for line in asked.lines]


def returned(order: Order, return_id: str, lines: Sequence[ReturnedLine], refund: Money) -> Announcement:
    fact = OrderReturned(
        order_id=order.id,
        number=order.number,
        email=order.email,
        return_id=return_id,
        reservation_key=order.reservation_key,
        payment_id=order.payment_id,
        items=[ReturnedItem(sku=line.sku, quantity=line.quantity, restock=line.restock) for line in lines],
        refund=refund,
    )
    return _announcement(order, fact)


def _announcement(order: Order, fact: Fact) -> Announcement:
    return Announcement(subject=order.id, version=order.version, fact=fact)
