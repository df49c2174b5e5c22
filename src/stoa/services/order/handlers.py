"""When payment announces how a payment stands, remember it.

By payment and not by order, in a table that nothing refers to: so it does not matter whether the order
is there yet, will never be (a declined card), or what overtook what on the way. An order shows the
payment that it names. The payment's version decides what is newer; an older event changes nothing.
"""

from __future__ import annotations

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.money import Money
from stoa.kit.service import Handler
from stoa.services.order import repository
from stoa.services.order.payment_status import PaymentState


class PaymentTold(msgspec.Struct, frozen=True):
    payment_id: str


class PaymentRefunded(msgspec.Struct, frozen=True):
    payment_id: str
    refunded_total: Money


async def payment_succeeded(tx: Transaction, event: Event) -> None:
    payment_id = event.read(PaymentTold).payment_id
    await repository.hear_payment(tx, payment_id, event.aggregateversion, PaymentState.SUCCEEDED)


async def payment_failed(tx: Transaction, event: Event) -> None:
    payment_id = event.read(PaymentTold).payment_id
    await repository.hear_payment(tx, payment_id, event.aggregateversion, PaymentState.FAILED)


async def payment_refunded(tx: Transaction, event: Event) -> None:
    refund = event.read(PaymentRefunded)
    await repository.hear_payment(
        tx, refund.payment_id, event.aggregateversion, PaymentState.REFUNDED, refund.refunded_total.amount
    )


HANDLERS: dict[str, Handler] = {
    "payment.succeeded": payment_succeeded,
    "payment.failed": payment_failed,
    "payment.refunded": payment_refunded,
}
