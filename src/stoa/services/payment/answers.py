"""What the provider says, applied to what we knew: pure, so that each case can be read and tested.

An answer may come late, twice or by another way (the call itself, a query, a webhook, a void): what it
says that we know already changes nothing. That it says nothing in its time is an answer too.
"""

from __future__ import annotations

import msgspec

from stoa.kit.events import Fact
from stoa.ports.payment import Said, Status
from stoa.services.payment import states
from stoa.services.payment.errors import PaymentInterrupted, PaymentTimedOut, WrongState
from stoa.services.payment.events import PaymentFailed, PaymentSucceeded
from stoa.services.payment.states import Payment, State


class ProviderAnswer(msgspec.Struct, frozen=True):
    """What the provider said; None where its time was up. `asked` is the payment as it was when we asked."""

    asked: Payment
    said: Said | None


def applied(answer: ProviderAnswer, payment: Payment) -> Payment:
    """The payment as it is now; the same object where that is nothing new. Raises `WrongState` for what cannot be."""
    return unheard(payment, answer.asked) if answer.said is None else heard(payment, answer.said)


def unheard(payment: Payment, asked: Payment) -> Payment:
    """The provider had its time to do what we asked of it. Where somebody has heard of it meanwhile, or it shall be
    voided, its silence says nothing new.
    """
    match asked.state, payment.state:
        case State.UNKNOWN, State.UNKNOWN if not payment.silent:
            return states.silent(payment)
        case State.AUTHORIZED, State.AUTHORIZED if payment.void_reason is None:
            return states.capture_unknown(payment)
    return payment


def heard(payment: Payment, said: Said) -> Payment:
    after = payment
    match said.status, payment.state:
        case Status.AUTHORIZED, State.UNKNOWN | State.CAPTURE_UNKNOWN:
            after = states.authorized(payment, said.reference)
        case Status.CAPTURED, State.UNKNOWN:
            # Asked by the shop that this one was restored from. That it is held comes first: who captures or voids it
            # is told the rest.
            after = states.authorized(payment, said.reference)
        case Status.CAPTURED, State.AUTHORIZED | State.CAPTURE_UNKNOWN:
            after = states.captured(payment)
        case Status.DECLINED, State.UNKNOWN:
            after = states.declined(payment, said.reason)
        case Status.VOIDED, State.UNKNOWN if payment.void_reason is None:
            # Nobody asked for a void: we asked what had happened, and made sure that it was nothing. Where the provider
            # was not given its time, that is our fault and not its silence.
            after = states.declined(payment, (PaymentTimedOut if payment.silent else PaymentInterrupted).slug)
        case Status.VOIDED, State.UNKNOWN | State.AUTHORIZED | State.CAPTURE_UNKNOWN:
            after = states.voided(payment)
        case Status.CAPTURED, State.VOIDED | State.DECLINED:
            raise WrongState(payment.state, State.CAPTURED)
    return after


def fact(after: Payment) -> Fact | None:
    """What is announced when a payment has become `after`."""
    if after.state is State.CAPTURED:
        return PaymentSucceeded(payment_id=after.id, order_id=after.order_id or "", amount=after.amount)
    if after.state is State.DECLINED:
        return PaymentFailed(payment_id=after.id, order_id=after.order_id or "", reason=after.decline_reason)
    return None
