"""The buyer or the staff calls an order off before it is shipped."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, announcements, repository, standing, states
from stoa.services.order.errors import WrongState
from stoa.services.order.fulfillment import FulfillmentStatus
from stoa.services.order.repository import Order
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


async def cancel_order(
    orders: Orders, order_id: str, caller: Principal, reason: str, if_match: IfMatch = ANYTHING
) -> Order:
    """The canceled order, with the `reason`, which may be empty. `WrongState` where some of it has left, or it is
    canceled already.

    What was paid goes back and the stock is free, by order.canceled. An order that is still pending was
    never placed, so nobody is told: its checkout is at work, and either abandons it or, if it takes the
    money all the same, confirms it, and `confirm_orders` makes up for it.
    """
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.CANCEL, if_match=if_match)
        states.check(order.status, Status.CANCELED)
        if order.shipments:
            raise WrongState(order.status, Status.CANCELED)
        paid = order.confirmed_at is not None
        await repository.cancel_all(tx, order_id)
        await repository.change_status(
            tx,
            order,
            Status.CANCELED,
            FulfillmentStatus.CANCELED,
            reason=reason,
            actor=access.kind_of(order, caller),
            actor_id=caller.user_id,
            refund_minor=order.left.amount if paid else 0,
        )
        await access.note(tx, order, Status.CANCELED, reason)
        canceled = await standing.read_changed(tx, order_id)
        if paid:
            await orders.outbox.announce_all(tx, [announcements.canceled(canceled, reason, order.left)])
        return canceled
