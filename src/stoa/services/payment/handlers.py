"""When an order is canceled or goods come back: the money goes back.

The refund is recorded in the handler's transaction, once per reason, and executed as soon as that commits.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoa.kit.db import Transaction, after_commit
from stoa.kit.events import Event
from stoa.kit.money import Money
from stoa.kit.service import Handler
from stoa.services.payment import repository
from stoa.services.payment.errors import NoSuchPayment
from stoa.services.payment.jobs import Timers
from stoa.services.payment.refund_payment import ask_refund, give_back


class OrderCanceled(msgspec.Struct, frozen=True):
    payment_id: str | None
    reason: str


class OrderReturned(msgspec.Struct, frozen=True):
    payment_id: str | None
    return_id: str
    refund: Money


class Paid(msgspec.Struct, frozen=True):
    """What all these events have."""

    payment_id: str | None


async def together(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    """Lock the payments of all of them in the order of their ids, as everybody does who locks several."""
    named = (event.read(Paid).payment_id for event in events)
    await repository.lock_payments_by_id(tx, {payment_id for payment_id in named if payment_id is not None})
    return events


def handlers(timers: Timers) -> dict[str, Handler]:
    """Bound to what is woken when there is something to give back."""

    async def order_canceled(tx: Transaction, event: Event) -> None:
        """All that is left goes back; a payment that is only held, or not even known to be, is let go of."""
        canceled = event.read(OrderCanceled)
        if canceled.payment_id is None:
            return
        payment = await repository.lock_payment(tx, canceled.payment_id)
        if payment is None:
            raise NoSuchPayment
        if payment.paid:
            await ask_refund(tx, payment.id, "cancel", canceled.reason)
        else:
            await repository.ask_void(tx, payment.key, canceled.reason)
        after_commit(timers.refunds.wake)

    async def order_returned(tx: Transaction, event: Event) -> None:
        """What it is worth goes back, or the less that is left where staff gave back by hand."""
        returned = event.read(OrderReturned)
        if returned.payment_id is None or returned.refund.amount == 0:
            return
        await give_back(tx, returned.payment_id, returned.return_id, "return", returned.refund)
        after_commit(timers.refunds.wake)

    return {"order.canceled": order_canceled, "order.returned": order_returned}
