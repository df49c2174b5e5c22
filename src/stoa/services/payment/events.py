"""The facts that payment announces; the subject is the payment's id."""

from __future__ import annotations

from stoa.kit.events import Fact
from stoa.kit.money import Money


class PaymentSucceeded(Fact, event="payment.succeeded", first=True, frozen=True):
    """The money was captured."""

    payment_id: str
    order_id: str
    amount: Money


class PaymentFailed(Fact, event="payment.failed", first=True, frozen=True):
    """The authorization was refused. `reason` is the slug of the problem that the shopper got."""

    payment_id: str
    order_id: str
    reason: str


class RefundChanged(Fact, event="payment.refund_changed", frozen=True):
    """What goes back for a cancellation or a return is not the sum that the order asked for, because what was left
    of the payment was another: `amount`, which may be nothing. `source` is `cancel` or the id of the return."""

    payment_id: str
    order_id: str
    source: str
    amount: Money


class PaymentRefunded(Fact, event="payment.refunded", frozen=True):
    """`amount` went back by this refund, `refunded_total` by all so far; `by_hand` is what staff gave back or
    asked to give back, and no return or cancellation."""

    payment_id: str
    order_id: str
    refund_id: str
    amount: Money
    refunded_total: Money
    by_hand: Money
    reason: str


class RefundFailed(Fact, event="payment.refund_failed", frozen=True):
    """The provider refused to give `amount` back, for good. The other members are as in `payment.refunded`."""

    payment_id: str
    order_id: str
    refund_id: str
    amount: Money
    refunded_total: Money
    by_hand: Money
    reason: str
