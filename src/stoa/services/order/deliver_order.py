"""The staff records that the customer has the parcel."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, announcements, repository, states
from stoa.services.order.repository import Order
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


async def deliver_order(orders: Orders, order_id: str, caller: Principal, if_match: IfMatch = ANYTHING) -> Order:
    """The delivered order. `WrongState` unless it is shipped."""
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.FULFILL, if_match=if_match)
        states.check(order.status, Status.DELIVERED)
        await repository.mark_delivered(tx, order_id)
        await repository.change_status(
            tx, order, Status.DELIVERED, reason="delivered", actor="staff", actor_id=caller.user_id
        )
        await access.note(tx, order, Status.DELIVERED)
        delivered = await repository.read_order(tx, order_id)
        assert delivered is not None
        await orders.outbox.announce_all(tx, [announcements.delivered(delivered)])
        return delivered
