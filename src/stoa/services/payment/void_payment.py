"""Void: undo whatever happened under a key, also what may still happen.

That it shall be undone is recorded first, and from then on nothing else may be done with the payment.
"""

from __future__ import annotations

import asyncio
from functools import partial

from stoa.kit import context, staff_acts
from stoa.kit.context import Context
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.ports.payment import Status
from stoa.services.payment import repository
from stoa.services.payment.answers import ProviderAnswer
from stoa.services.payment.errors import PaymentKept, ProviderSilent, WrongState
from stoa.services.payment.find_payment import payment_of_id
from stoa.services.payment.recording import VoidAsked
from stoa.services.payment.refund_payment import ask_refund, execute_refund
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment, State

SOURCE = "void"
"""Names the refund that undoes a capture: at most one of it per payment."""


async def void(payments: Payments, key: str, reason: str) -> Payment:
    """The payment: VOIDED, REFUNDED, or DECLINED as it was; a tombstone for an unknown key.

    Raises `ProviderSilent` until it is done: repeat it, the provider does everything once. `WrongState`
    where the provider refuses to give a capture back: that wants a person. `PaymentKept` once its order is
    being shipped.
    """
    return await asyncio.shield(voiding(payments, key, reason, context.current()))


def voiding(payments: Payments, key: str, reason: str, origin: Context) -> asyncio.Task[Payment]:
    """The same in the trace of `origin`, for who asks for several. It goes on whoever waits for it."""
    return payments.single_flight.begin("void", key, partial(_void, payments, key, reason), origin)


async def void_by_hand(payments: Payments, payment_id: str, reason: str, if_match: IfMatch = ANYTHING) -> Payment:
    """The same by staff, whose act is kept with what they want. Raises `NoSuchPayment` as well."""
    payment = await payment_of_id(payments, payment_id)
    async with payments.db.transaction() as tx:
        before = await repository.lock_payment(tx, payment.id)
        assert before is not None  # payments are never removed
        if_match.check(before.version)
        if before.void_reason is None:
            # That it shall be undone is recorded here already, with who wants it; `void` does the rest.
            if not await repository.ask_voids(tx, {payment.key: reason}, payment.provider):
                raise PaymentKept
            await staff_acts.record(
                tx,
                act="payment.voided",
                subject=payment.id,
                before={"state": before.state, "void_reason": None},
                after={"state": before.state, "void_reason": reason},
                reason=reason,
            )
    return await void(payments, payment.key, reason)


async def _void(payments: Payments, key: str, reason: str) -> Payment:
    payment = await payments.void_asks.submit(VoidAsked(key, reason))
    if payment.unsettled or payment.state is State.AUTHORIZED:
        said = await payments.ask(payments.providers.of(payment.provider).void(key))
        payment = await payments.answers.submit(ProviderAnswer(payment, said))
        if payment.state is State.AUTHORIZED and said.status is Status.CAPTURED:
            # Not even that it was held was known here.
            payment = await payments.answers.submit(ProviderAnswer(payment, said))
    if not payment.paid:
        return payment
    async with payments.db.transaction() as tx:
        refund = await ask_refund(tx, payment.id, SOURCE, reason)
    if refund is not None and (await execute_refund(payments, refund.id)).state == "pending":
        raise ProviderSilent
    # A refund of another source may be pending too: all must be back before it is undone.
    for other in await repository.refunds_of_payment(payments.db, payment.id):
        if other.state == "pending" and (await execute_refund(payments, other.id)).state == "pending":
            raise ProviderSilent
    after = await repository.payment_by_id(payments.db, payment.id)
    assert after is not None
    if after.refunded_minor < after.amount.amount:
        raise WrongState(after.state, State.REFUNDED)
    return after
