"""How a payment stands, asked of its own service: what is decided about money must not wait for an event.

And before an order is shipped, payment is told to keep what was taken: its row decides between the parcel and
a void or a full refund by staff.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from stoa.contracts.payment.v1 import payment_pb2
from stoa.kit.problems import Conflict, NotFound
from stoa.services.order.payment_status import PaymentState, PaymentTold

if TYPE_CHECKING:
    from stoa.contracts.payment.v1.payment_pb2_grpc import PaymentServiceAsyncStub

PAID = {
    payment_pb2.PAYMENT_STATE_CAPTURED,
    payment_pb2.PAYMENT_STATE_PARTIALLY_REFUNDED,
    payment_pb2.PAYMENT_STATE_REFUNDED,
}


PaymentNow = Callable[[str], Awaitable[PaymentTold | None]]
"""By the payment's id; None for one that took nothing."""
KeepPayment = Callable[[str], Awaitable[PaymentTold | None]]
"""By the payment's id, which is not voided from then on; None for one of which nothing is left."""


async def payment_now(payments: PaymentServiceAsyncStub, payment_id: str) -> PaymentTold | None:
    try:
        payment = (await payments.GetPayment(payment_pb2.GetPaymentRequest(payment_id=payment_id))).payment
    except NotFound:
        return None
    return _told(payment)


async def keep_payment(payments: PaymentServiceAsyncStub, payment_id: str) -> PaymentTold | None:
    try:
        payment = (await payments.KeepPayment(payment_pb2.KeepPaymentRequest(payment_id=payment_id))).payment
    except (NotFound, Conflict):
        return None
    return _told(payment)


def _told(payment: payment_pb2.Payment) -> PaymentTold | None:
    if payment.state not in PAID:
        return None
    refunded = payment.refunded.amount_minor
    state = PaymentState.REFUNDED if refunded else PaymentState.SUCCEEDED
    return PaymentTold(
        payment.id,
        payment.version,
        state,
        refunded,
        payment.by_hand.amount_minor,
        payment.refund_asked.amount_minor,
    )
