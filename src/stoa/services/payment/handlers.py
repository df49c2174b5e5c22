"""When an order or some of it is canceled or goods come back: the money goes back. When an account is gone, so are its
cards.

The refund is recorded in the handler's transaction, once per reason, and executed as soon as that commits. What
is left is decided here and not by the order: where it is another sum than that asked for, the order is told.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoa.kit.db import Transaction, after_commit
from stoa.kit.events import Event
from stoa.kit.money import Money
from stoa.kit.outbox import Outbox
from stoa.kit.service import Handler
from stoa.services.payment import methods_repository, repository
from stoa.services.payment.errors import NoSuchPayment
from stoa.services.payment.events import RefundChanged
from stoa.services.payment.jobs import Timers
from stoa.services.payment.refund_payment import ask_refund, give_back
from stoa.services.payment.repository import Refund

CANCEL = "cancel"
"""Names the refund of a canceled order: at most one of it per payment."""


class OrderCanceled(msgspec.Struct, frozen=True):
    """`refund` is None where an older version announced it."""

    payment_id: str | None
    reason: str
    refund: Money | None = None


class PartOfOrder(msgspec.Struct, frozen=True):
    """It came back, by the return of this id, or was called off, by the cancellation `source`."""

    payment_id: str | None
    refund: Money
    return_id: str = ""
    source: str = ""


PARTS = ("order.items_canceled", "order.returned")


class UserDeleted(msgspec.Struct, frozen=True):
    user_id: str


class Paid(msgspec.Struct, frozen=True):
    """What all that is about an order has."""

    payment_id: str | None = None


async def handle_batch(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    """Lock the payments of all of them in the order of their ids, as everybody does who locks several."""
    named = (event.read(Paid).payment_id for event in events)
    await repository.lock_payments_by_id(tx, {payment_id for payment_id in named if payment_id is not None})
    return events


def handlers(outbox: Outbox, timers: Timers) -> dict[str, Handler]:
    """Bound to who is told, and to what is woken when there is something to give back."""

    async def order_canceled(tx: Transaction, event: Event) -> None:
        """All that is left goes back; a payment that is only held, or not even known to be, is let go of."""
        canceled = event.read(OrderCanceled)
        if canceled.payment_id is None:
            return
        payment = await repository.lock_payment(tx, canceled.payment_id)
        if payment is None:
            raise NoSuchPayment
        if payment.paid:
            refund = await ask_refund(tx, payment.id, CANCEL, canceled.reason)
            await tell_order(tx, payment.id, CANCEL, refund, canceled.refund)
        else:
            await repository.ask_voids(tx, {payment.key: canceled.reason}, payment.provider)
        after_commit(timers.refunds.wake)

    async def part_of_order(tx: Transaction, event: Event) -> None:
        """What it is worth goes back, or the less that is left where staff gave back by hand."""
        part = event.read(PartOfOrder)
        if part.payment_id is None or part.refund.amount == 0:
            return
        source, reason = (part.return_id, "return") if part.return_id else (part.source, "cancellation")
        refund = await give_back(tx, part.payment_id, source, reason, part.refund)
        await tell_order(tx, part.payment_id, source, refund, part.refund)
        after_commit(timers.refunds.wake)

    async def tell_order(
        tx: Transaction, payment_id: str, source: str, refund: Refund | None, asked: Money | None
    ) -> None:
        amount_minor = refund.amount.amount if refund is not None else 0
        if asked is None or asked.amount == amount_minor:
            return
        payment = await repository.lock_payment(tx, payment_id)
        assert payment is not None  # it was just asked to give back
        fact = RefundChanged(
            payment_id=payment.id,
            order_id=payment.order_id or "",
            source=source,
            amount=Money(amount_minor, payment.amount.currency),
        )
        await outbox.announce(tx, subject=payment.id, version=payment.version, fact=fact)

    async def user_deleted(tx: Transaction, event: Event) -> None:
        """What was kept of their cards is nobody's, and the providers are told."""
        await methods_repository.forget(tx, event.read(UserDeleted).user_id)

    return {
        "order.canceled": order_canceled,
        **dict.fromkeys(PARTS, part_of_order),
        "user.deleted": user_deleted,
    }
