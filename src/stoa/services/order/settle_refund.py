"""The staff ends what was to go back and never will by the payment: it was paid back in another way, or is let be.

So it is where an operator has discarded the event that asked payment for it, and where the provider has refused
it for good. What payment gives back, or has given, is not touched.
"""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, repository, standing
from stoa.services.order.errors import NothingToSettle
from stoa.services.order.repository import Order
from stoa.services.order.service import Orders


async def settle_refund(
    orders: Orders, order_id: str, caller: Principal, reason: str, if_match: IfMatch = ANYTHING
) -> Order:
    """The order, of which no more is to go back than payment knows of. `NothingToSettle` where that is so already.

    The act is kept with its reason. Should payment hear of it all the same, as of an event that was only parked,
    it gives back what is due, and the order shows that.
    """
    before = await access.find(orders, order_id, caller, access.SETTLE)
    paid = await orders.paid_for(before)
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.SETTLE, paid, if_match=if_match)
        asked_minor = paid.asked_minor - paid.by_hand_minor if paid is not None else 0
        # What came back since then payment could not know of when it answered.
        missing = min(before.refund_due.amount, order.refund_due.amount) - asked_minor
        if missing <= 0:
            raise NothingToSettle
        await repository.settle_refund(tx, order_id, missing)
        await staff_acts.record(
            tx,
            act="order.refund_settled",
            subject=order_id,
            before={"refund_due_minor": order.refund_due.amount},
            after={"refund_due_minor": order.refund_due.amount - missing},
            reason=reason,
        )
        return await standing.read_changed(tx, order_id)
