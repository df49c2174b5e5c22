"""The staff hands a parcel of an order to a carrier: all that is left to send, or some of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoa.kit import ids
from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, announcements, changing, shipments_repository, states
from stoa.services.order.errors import NotPaid
from stoa.services.order.fulfillment import packed
from stoa.services.order.repository import Order
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """`items` are units by SKU; None: all that is left to send."""

    carrier: str
    tracking_number: str
    tracking_url: str | None = None
    items: Sequence[tuple[str, int]] | None = None


async def ship_order(
    orders: Orders, order_id: str, caller: Principal, parcel: Parcel, if_match: IfMatch = ANYTHING
) -> Order:
    """The order with this parcel: shipped where nothing is left to send, else in processing. `WrongState` unless it is
    confirmed or in processing: of a cancellation and a parcel at the same time, or of two parcels with the same units,
    the one that gets the order's row lock first wins. `NotInOrder`, `DuplicateLine` or `MoreThanLeft` name the line,
    `GoodsToComeYet` what of the parcel is not on hand.

    `NotPaid` where nothing of its payment is left: of a parcel and a void at the same time, the one that payment's row
    sees first wins, because payment is told to keep it before anything is written here. Where nothing is written after
    all, the order can be shipped later, or canceled.
    """
    found = await access.find(orders, order_id, caller, access.FULFILL)
    if_match.check(found.version)
    states.check(found.status, Status.SHIPPED)
    to_come = (await orders.allocation_of(found.reservation_key)).to_come
    packed(found.units, parcel.items, to_come)
    paid = None
    if found.total.amount > 0:
        paid = await orders.keep_payment(found.payment_id) if found.payment_id is not None else None
        if paid is None:
            raise NotPaid
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.FULFILL, paid, if_match=if_match)
        states.check(order.status, Status.SHIPPED)
        items = packed(order.units, parcel.items, to_come)
        if order.total.amount > 0 and order.left.amount == 0:
            raise NotPaid
        shipment_id = ids.uuid7()
        await shipments_repository.add_shipment(
            tx,
            shipment_id,
            order_id=order_id,
            number=len(order.shipments) + 1,
            carrier=parcel.carrier,
            tracking_number=parcel.tracking_number,
            tracking_url=parcel.tracking_url,
            payment_version=paid.version if paid is not None else None,
            items=items,
        )
        shipped = await changing.follow_units(tx, order, caller, actor="staff", reason=f"handed to {parcel.carrier}")
        await access.note(tx, order, shipped.status, act="shipped", shipment_id=shipment_id)
        await orders.outbox.announce_all(tx, [announcements.shipped(shipped)])
        return shipped
