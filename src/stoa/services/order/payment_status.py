"""How the payment of an order stands: a pure rule over facts, so that it never depends on the order they came in."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from stoa.kit.money import Money


class PaymentState(StrEnum):
    """The last that payment told about the payment of an order."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUNDED = "refunded"


class PaymentTold(msgspec.Struct, frozen=True):
    """What payment said of one. `refunded_minor` has gone back; `by_hand_minor` staff gives back, or gave, and
    `asked_minor` is all that goes back, or went, which payment only says when it is asked.
    """

    id: str
    version: int
    state: PaymentState
    refunded_minor: int = 0
    by_hand_minor: int = 0
    asked_minor: int = 0


class PaymentStatus(StrEnum):
    PENDING = "pending"
    """No money was taken yet, or not that the checkout knows of: it writes down that the order is paid itself."""
    PAID = "paid"
    """All of it was taken, and none is to go back."""
    FAILED = "failed"
    """The payment was refused."""
    REFUND_PENDING = "refund_pending"
    """More is to go back than has gone back so far."""
    PARTIALLY_REFUNDED = "partially_refunded"
    """What was to go back has gone back; the rest stays paid."""
    REFUNDED = "refunded"
    """All of it has gone back."""
    SETTLED = "settled"
    """What was to go back has not all gone back: the staff has settled the rest in another way."""


def left(*, total: Money, refund_due: Money, refunded: Money, by_hand: Money) -> Money:
    """What of the total neither has gone back nor is to: beside what is due, staff may give back by hand."""
    given = min(total.amount, refund_due.amount + by_hand.amount)
    return Money(total.amount - max(given, refunded.amount), total.currency)


class PaymentFacts(NamedTuple):
    """All that decides how the payment of an order stands."""

    total: Money
    refund_due: Money
    settled: Money
    refunded: Money
    by_hand: Money
    confirmed: bool
    told: PaymentState | None

    @property
    def left(self) -> Money:
        return left(total=self.total, refund_due=self.refund_due, refunded=self.refunded, by_hand=self.by_hand)

    @property
    def status(self) -> PaymentStatus:
        return payment_status(
            total=self.total,
            confirmed=self.confirmed,
            told=self.told,
            left=self.left,
            refunded=self.refunded,
            wanted=self.refund_due + self.by_hand + self.settled,
        )


def payment_status(
    *,
    total: Money,
    confirmed: bool,
    told: PaymentState | None,
    left: Money,
    refunded: Money,
    wanted: Money,
) -> PaymentStatus:
    """`confirmed`: the checkout has seen the money taken; `told`: what payment announced last, if anything;
    `wanted`: all that was ever to go back, also what staff has settled in another way.
    """
    if refunded.amount > 0 and refunded.amount >= total.amount:
        return PaymentStatus.REFUNDED
    if total.amount - left.amount > refunded.amount:
        return PaymentStatus.REFUND_PENDING
    if refunded.amount < min(total.amount, wanted.amount):
        return PaymentStatus.SETTLED
    if refunded.amount > 0:
        return PaymentStatus.PARTIALLY_REFUNDED
    if confirmed:
        return PaymentStatus.PAID
    return PaymentStatus.FAILED if told == PaymentState.FAILED else PaymentStatus.PENDING
