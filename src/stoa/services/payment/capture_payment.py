"""Capture: take the money that is held, once.

The saga repeats it under its key until it is known what became of it, or has it voided, and both times it is the
provider who says whether the money was taken. So nothing is written before the provider is asked. What nobody would
repeat is: that staff ask, and that the provider was silent.
"""

from __future__ import annotations

import asyncio
from functools import partial

from stoa.kit import context, staff_acts
from stoa.kit.context import Context
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.payment import repository, states
from stoa.services.payment.answers import ProviderAnswer
from stoa.services.payment.authorize_payment import unless_refused
from stoa.services.payment.errors import ProviderSilent, WrongState
from stoa.services.payment.find_payment import payment_of_id, payment_of_key
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment, State


async def capture(payments: Payments, key: str) -> Payment:
    """The payment, CAPTURED; or CAPTURE_UNKNOWN where the provider did not answer: then resolve it.

    Raises `WrongState` where nothing is held, `NoSuchPayment`, and what Authorize raises for a payment that was
    refused. A repeat asks again for what has no answer yet, and else answers with the payment as it is now, also
    after a refund.
    """
    return await asyncio.shield(capturing(payments, key, context.current()))


def capturing(payments: Payments, key: str, origin: Context) -> asyncio.Task[Payment]:
    """The same in the trace of `origin`, for who asks for several. It goes on whoever waits for it."""
    return payments.single_flight.begin("capture", key, partial(_capture, payments, key), origin)


async def capture_by_hand(payments: Payments, payment_id: str, if_match: IfMatch = ANYTHING) -> Payment:
    """The same by staff, whose act is kept. Nobody repeats it for them: that it is asked for is recorded first."""
    payment = await payment_of_id(payments, payment_id)
    async with payments.db.transaction() as tx:
        before = await repository.lock_payment(tx, payment.id)
        assert before is not None  # payments are never removed
        if_match.check(before.version)
        if before.state is State.AUTHORIZED and before.void_reason is None:
            await repository.save_payments(tx, [(before, states.capture_unknown(before))], [])
            await staff_acts.record(
                tx, act="payment.capture_asked", subject=payment.id, after={"amount_minor": payment.amount.amount}
            )
    return await capture(payments, payment.key)


async def _capture(payments: Payments, key: str) -> Payment:
    payment = unless_refused(await _answered(payments, key))
    if not payment.paid and payment.state is not State.CAPTURE_UNKNOWN:
        raise WrongState(payment.state, State.CAPTURED)
    return payment


async def _answered(payments: Payments, key: str) -> Payment:
    payment = await payment_of_key(payments, key)
    if payment.state not in {State.AUTHORIZED, State.CAPTURE_UNKNOWN} or payment.void_reason is not None:
        return payment
    try:
        said = await payments.ask(payments.providers.of(payment.provider).capture(key))
    except ProviderSilent:
        said = None
    return await payments.answers.submit(ProviderAnswer(payment, said))
