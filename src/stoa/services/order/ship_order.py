"""The staff hands an order to a carrier, as one parcel."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, announcements, repository, states
from stoa.services.order.errors import GoodsToComeYet, NotPaid
from stoa.services.order.repository import Order
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


async def ship_order(
    orders: Orders,
    order_id: str,
    caller: Principal,
    *,
    carrier: str,
    tracking_number: str,
    if_match: IfMatch = ANYTHING,
) -> Order:
    """The shipped order. `WrongState` unless it is confirmed or in processing: of a cancellation and a
    shipping at the same time, the one that gets the order's row lock first wins. `GoodsToComeYet` where something
    that was promised is not on hand yet: an order is one parcel. `NotPaid` where nothing of its payment is left: of
    a shipping and a void at the same time, the one that payment's row sees first wins, because payment is told to
    keep it before anything is written here. Where nothing is written after all, the order can be shipped later, or
    canceled.
    """
    found = await access.find(orders, order_id, caller, access.FULFILL)
    if_match.check(found.version)
    states.check(found.status, Status.SHIPPED)
    if to_come := (await orders.allocation_of(found.reservation_key)).to_come:
        raise GoodsToComeYet(to_come)
    paid = None
    if found.total.amount > 0:
        paid = await orders.keep_payment(found.payment_id) if found.payment_id is not None else None
        if paid is None:
            raise NotPaid
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.FULFILL, paid, if_match=if_match)
        states.check(order.status, Status.SHIPPED)
        if order.total.amount > 0 and order.left.amount == 0:
            raise NotPaid
        await repository.add_shipment(
            tx, order_id, carrier, tracking_number, payment_version=paid.version if paid is not None else None
        )
        await repository.change_status(
            tx, order, Status.SHIPPED, reason=f"handed to {carrier}", actor="staff", actor_id=caller.user_id
        )
        await access.note(tx, order, Status.SHIPPED)
        shipped = await repository.read_order(tx, order_id)
        assert shipped is not None
        await orders.outbox.announce_all(tx, [announcements.shipped(shipped)])
        return shipped
