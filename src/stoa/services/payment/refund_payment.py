"""Refund: give captured money back, in part or in full, once per reason.

`ask_refund` and `give_back` record it, in the transaction of whatever asks for it; `execute_refund` has the
provider do it, by key, and then books it. Between the two a crash loses nothing: the refund stays pending
and due. What is left to give back is decided here, under the payment's row lock, and nowhere else.
"""

from __future__ import annotations

from functools import partial

from stoa.kit import staff_acts
from stoa.kit.back_off import back_off
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.money import Money
from stoa.ports.payment import SaidOfRefund
from stoa.services.payment import ledger, repository, states
from stoa.services.payment.errors import NoSuchPayment, ProviderSilent, RefundTooLarge, WrongState
from stoa.services.payment.events import PaymentRefunded, RefundFailed
from stoa.services.payment.find_payment import payment_of_id
from stoa.services.payment.repository import Refund
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment, State


async def ask_refund(
    tx: Transaction, payment_id: str, source: str, reason: str, amount: Money | None = None
) -> Refund | None:
    """A pending refund of `amount`, by default of all that is left; None where nothing is.

    A repeat of the source answers with the refund it made. Raises `WrongState` before the capture and
    `RefundTooLarge` for more than is left, counting what is pending: two at once cannot exceed it.
    """
    payment, before = await _asked_before(tx, payment_id, source)
    if before is not None:
        return before
    if not payment.paid:
        raise WrongState(payment.state, State.REFUNDED)
    left = payment.left_to_refund
    wanted = left if amount is None else amount
    if wanted.currency != left.currency or wanted.amount > left.amount:
        raise RefundTooLarge(left.amount, left.currency)
    return await _ask(tx, payment, source, reason, wanted.amount)


async def give_back(tx: Transaction, payment_id: str, source: str, reason: str, wanted: Money) -> Refund | None:
    """A pending refund of `wanted`, or of the less that is left: its reason has happened, and is not refused.

    None where nothing is left, as of a payment that took nothing. A repeat of the source answers with the
    refund it made. Raises `WrongState` while it is open whether the money is taken, and `RefundTooLarge`
    for another currency.
    """
    payment, before = await _asked_before(tx, payment_id, source)
    if before is not None:
        return before
    if payment.unsettled or payment.state is State.AUTHORIZED:
        raise WrongState(payment.state, State.REFUNDED)
    left = payment.left_to_refund
    if wanted.currency != left.currency:
        raise RefundTooLarge(left.amount, left.currency)
    return await _ask(tx, payment, source, reason, min(wanted.amount, left.amount))


async def refund_by_hand(
    payments: Payments,
    payment_id: str,
    source: str,
    reason: str,
    amount: Money | None,
    *,
    if_match: IfMatch = ANYTHING,
) -> Payment:
    """Staff gives back `amount`, by default all that is left, and their act is kept: the payment as it is then.

    The refund is pending where the provider was silent, and goes on. Raises what `ask_refund` raises.
    """
    async with payments.db.transaction() as tx:
        payment, made = await _asked_before(tx, payment_id, source)
        if made is None:
            if_match.check(payment.version)
        refund = made or await ask_refund(tx, payment_id, source, reason, amount)
        if refund is not None and made is None:
            asked = payment.refund_asked_minor
            await staff_acts.record(
                tx,
                act="payment.refunded",
                subject=payment_id,
                before={"refund_asked_minor": asked},
                after={"refund_asked_minor": asked + refund.amount.amount},
                reason=reason,
            )
    if refund is not None:
        await execute_refund(payments, refund.id)
    return await payment_of_id(payments, payment_id)


async def _asked_before(tx: Transaction, payment_id: str, source: str) -> tuple[Payment, Refund | None]:
    """The payment, locked, and the refund that this source has made."""
    payment = await repository.lock_payment(tx, payment_id)
    if payment is None:
        raise NoSuchPayment
    return payment, await repository.refund_of_source(tx, payment.id, source)


async def _ask(tx: Transaction, payment: Payment, source: str, reason: str, amount_minor: int) -> Refund | None:
    if amount_minor == 0:
        return None
    return await repository.add_refund(tx, payment, source, reason, amount_minor)


async def execute_refund(payments: Payments, refund_id: str) -> Refund:
    """The refund as it is now: done, failed, or still pending where the provider was silent.

    A repeat asks the provider again under the same key, which gives back once, and books it once.
    """
    return await payments.single_flight.join("refund", refund_id, partial(_execute, payments, refund_id))


async def _execute(payments: Payments, refund_id: str) -> Refund:
    refund = await _refund(payments, refund_id)
    if refund.state != "pending":
        return refund
    payment = await repository.payment_by_id(payments.db, refund.payment_id)
    assert payment is not None  # a foreign key
    try:
        provider = payments.providers.of(payment.provider)
        said = await payments.ask(provider.refund(payment.key, refund_key=refund.id, amount=refund.amount))
    except ProviderSilent:
        pause = back_off(refund.attempts + 1, payments.settings.refund_retry_most_seconds)
        await repository.postpone_refund(payments.db, refund.id, pause)
    else:
        await _book(payments, refund, said)
    return await _refund(payments, refund_id)


async def _book(payments: Payments, refund: Refund, said: SaidOfRefund) -> None:
    async with payments.db.transaction() as tx:
        payment = await repository.lock_payment(tx, refund.payment_id)
        assert payment is not None  # a foreign key
        state = "done" if said.done else "failed"
        if not await repository.finish_refund(tx, refund.id, state, said.reference):
            return
        if said.done:
            after = states.refunded(payment, refund.amount.amount)
            entries = ledger.entries(ledger.Movement.REFUND, payment.id, refund.amount)
            await repository.save_payments(tx, [(payment, after)], entries)
        else:
            after = await repository.give_up_refund(tx, payment.id, refund.amount.amount)
        kind = PaymentRefunded if said.done else RefundFailed
        fact = kind(
            payment_id=payment.id,
            order_id=payment.order_id or "",
            refund_id=refund.id,
            amount=refund.amount,
            refunded_total=after.refunded,
            by_hand=Money(await repository.given_by_hand(tx, payment.id), after.amount.currency),
            reason=refund.reason,
        )
        await payments.outbox.announce(tx, subject=payment.id, version=after.version, fact=fact)


async def _refund(payments: Payments, refund_id: str) -> Refund:
    refund = await repository.refund_by_id(payments.db, refund_id)
    if refund is None:
        raise NoSuchPayment
    return refund
