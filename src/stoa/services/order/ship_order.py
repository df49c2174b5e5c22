"""The staff hands an order to a carrier, as one parcel."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.services.order import access, announcements, repository, states
from stoa.services.order.repository import Order
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


async def ship_order(orders: Orders, order_id: str, caller: Principal, *, carrier: str, tracking_number: str) -> Order:
    """The shipped order. `WrongState` unless it is confirmed or in processing: of a cancellation and a
    shipping at the same time, the one that gets the order's row lock first wins.
    """
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller)
        states.check(order.status, Status.SHIPPED)
        await repository.add_shipment(tx, order_id, carrier, tracking_number)
        await repository.change_status(
            tx, order, Status.SHIPPED, reason=f"handed to {carrier}", actor="staff", actor_id=caller.user_id
        )
        shipped = await repository.read_order(tx, order_id)
        assert shipped is not None
        await orders.outbox.announce_all(tx, [announcements.shipped(shipped)])
        return shipped
