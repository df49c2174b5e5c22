"""The staff starts picking and packing an order."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, repository, states
from stoa.services.order.repository import Order
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


async def process_order(orders: Orders, order_id: str, caller: Principal, if_match: IfMatch = ANYTHING) -> Order:
    """The order in processing. `WrongState` unless it is confirmed."""
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.FULFILL, if_match=if_match)
        states.check(order.status, Status.PROCESSING)
        await repository.change_status(
            tx,
            order,
            Status.PROCESSING,
            order.fulfillment,
            reason="picking started",
            actor="staff",
            actor_id=caller.user_id,
        )
        await access.note(tx, order, Status.PROCESSING)
        processing = await repository.read_order(tx, order_id)
        assert processing is not None
        return processing
