"""The states of a payment, and every way from one to another. A wrong way raises, always.

Drawn in docs/algorithms/money.md, which a test compares with `TRANSITIONS`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from stoa.kit.money import Money
from stoa.services.payment.errors import WrongState
from stoa.services.payment.ledger import Movement


class State(StrEnum):
    UNKNOWN = "unknown"
    """Asked for, not yet answered. A crash leaves it so, until the provider is asked what happened."""
    AUTHORIZED = "authorized"
    """The money is held."""
    CAPTURE_UNKNOWN = "capture_unknown"
    """Capture asked for, and the provider was silent; or asked for by staff, who do not repeat it."""
    CAPTURED = "captured"
    """The money is ours."""
    VOIDED = "voided"
    """Undone before it was captured; or a tombstone that refuses a late authorization."""
    DECLINED = "declined"
    """Refused, or resolved as never taken: `decline_reason` says which."""
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `payments`. `order_id` is None only in a tombstone, `user_id` for a guest.

    `refund_asked_minor` counts the refunds that are pending or done, `refunded_minor` those done. `silent` says that
    the provider had its time to answer Authorize. `kept_at` is when it was decided to ship the order.
    """

    id: str
    key: str
    order_id: str | None
    user_id: str | None
    attempt: int
    state: State
    method: str
    provider: str
    amount: Money
    refund_asked_minor: int
    refunded_minor: int
    provider_reference: str
    decline_reason: str
    void_reason: str | None
    kept_at: datetime | None
    silent: bool
    asked_seconds_ago: float
    version: int

    @property
    def refunded(self) -> Money:
        return Money(self.refunded_minor, self.amount.currency)

    @property
    def unsettled(self) -> bool:
        """Whether the provider owes us an answer."""
        return self.state in {State.UNKNOWN, State.CAPTURE_UNKNOWN}

    @property
    def paid(self) -> bool:
        return self.state in {State.CAPTURED, State.PARTIALLY_REFUNDED, State.REFUNDED}

    @property
    def refund_asked(self) -> Money:
        return Money(self.refund_asked_minor, self.amount.currency)

    @property
    def left_to_refund(self) -> Money:
        """What has been captured and not asked back."""
        left = self.amount.amount - self.refund_asked_minor if self.paid else 0
        return Money(left, self.amount.currency)


TRANSITIONS: dict[tuple[State, State], tuple[str, Movement | None]] = {
    (State.UNKNOWN, State.AUTHORIZED): ("states.authorized", Movement.AUTHORIZE),
    (State.UNKNOWN, State.DECLINED): ("states.declined", None),
    (State.UNKNOWN, State.VOIDED): ("states.voided", None),
    (State.AUTHORIZED, State.CAPTURE_UNKNOWN): ("states.capture_unknown", None),
    (State.AUTHORIZED, State.CAPTURED): ("states.captured", Movement.CAPTURE),
    (State.AUTHORIZED, State.VOIDED): ("states.voided", Movement.VOID),
    (State.CAPTURE_UNKNOWN, State.AUTHORIZED): ("states.authorized", None),
    (State.CAPTURE_UNKNOWN, State.CAPTURED): ("states.captured", Movement.CAPTURE),
    (State.CAPTURE_UNKNOWN, State.VOIDED): ("states.voided", Movement.VOID),
    (State.CAPTURED, State.PARTIALLY_REFUNDED): ("states.refunded", Movement.REFUND),
    (State.CAPTURED, State.REFUNDED): ("states.refunded", Movement.REFUND),
    (State.PARTIALLY_REFUNDED, State.PARTIALLY_REFUNDED): ("states.refunded", Movement.REFUND),
    (State.PARTIALLY_REFUNDED, State.REFUNDED): ("states.refunded", Movement.REFUND),
}
"""From, to: the function that performs it, and what it moves in the ledger.

AUTHORIZED to CAPTURED is the usual way: while the provider is asked to capture, the payment is what it was.
"""


def authorized(payment: Payment, reference: str) -> Payment:
    """The money is held: for the first time, or still, after a capture that took nothing and may be asked for again."""
    return _to(State.AUTHORIZED, payment, provider_reference=reference)


def silent(payment: Payment) -> Payment:
    """Still UNKNOWN, and now it is the provider who owes the answer."""
    return replace(payment, silent=True, version=payment.version + 1)


def declined(payment: Payment, reason: str) -> Payment:
    return _to(State.DECLINED, payment, decline_reason=reason)


def voided(payment: Payment) -> Payment:
    return _to(State.VOIDED, payment)


def capture_unknown(payment: Payment) -> Payment:
    """Whether the money was taken is open: only the provider's word tells."""
    return _to(State.CAPTURE_UNKNOWN, payment)


def captured(payment: Payment) -> Payment:
    return _to(State.CAPTURED, payment)


def refunded(payment: Payment, amount_minor: int) -> Payment:
    total = payment.refunded_minor + amount_minor
    state = State.REFUNDED if total == payment.amount.amount else State.PARTIALLY_REFUNDED
    return _to(state, payment, refunded_minor=total)


def movement(before: Payment, after: Payment) -> Movement | None:
    """What the transition between the two moves in the ledger."""
    way = TRANSITIONS.get((before.state, after.state))
    return way[1] if way else None


def _to(state: State, payment: Payment, **changes: object) -> Payment:
    if (payment.state, state) not in TRANSITIONS:
        raise WrongState(payment.state, state)
    return replace(payment, state=state, version=payment.version + 1, **changes)
