"""Authorize: hold the money for an order.

The payment is recorded as UNKNOWN and committed before the provider is asked, and the provider is asked
with no transaction open. A crash between the two leaves UNKNOWN, and `resolve_payment` finds out.
"""

from __future__ import annotations

import asyncio
from functools import partial

from stoa.kit import context, staff_acts
from stoa.kit.context import Context
from stoa.ports.payment import Said, Status
from stoa.services.payment.answers import ProviderAnswer
from stoa.services.payment.errors import (
    DECLINES,
    KeyReused,
    PaymentDeclined,
    PaymentVoided,
    ProviderSilent,
    UnknownPaymentMethod,
)
from stoa.services.payment.keep_card import token_of
from stoa.services.payment.order_status import check_payable
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment, State


async def authorize(payments: Payments, new: NewPayment, token: str, kept: str = "") -> Payment:
    """The payment, AUTHORIZED; or UNKNOWN where the provider did not answer. `kept` is the id of a card that the user
    has let the shop keep: then there is no token.

    Raises one of `DECLINES`, or `PaymentVoided` for a key that was voided; what is not the provider's word, as
    a database that cannot be had, is `Unavailable`. A repeat answers with the payment as it is now; where the
    provider was not given its time it asks again, under the same key. With another order or amount it is `KeyReused`.
    """
    return await asyncio.shield(authorizing(payments, new, token, context.current(), kept))


def authorizing(
    payments: Payments, new: NewPayment, token: str, origin: Context, kept: str = ""
) -> asyncio.Task[Payment]:
    """The same in the trace of `origin`, for who asks for several. It goes on whoever waits for it."""
    work = partial(_authorize, payments, new, token, kept)
    return payments.single_flight.begin("authorize", new.key, work, origin, asked=(new.order_id, new.amount))


async def authorize_by_hand(payments: Payments, new: NewPayment, token: str) -> Payment:
    """The same outside a checkout, by staff, whose act is kept: for an order that can be paid, else `NoSuchOrder` or
    `OrderNotPayable`.
    """
    check_payable(await payments.order_status(new.order_id))
    async with payments.db.transaction() as tx:
        await staff_acts.record(
            tx, act="payment.asked", subject=new.order_id, after={"amount_minor": new.amount.amount}
        )
    return await authorize(payments, new, token)


def unless_refused(payment: Payment) -> Payment:
    """The payment; if it was refused, its refusal is raised."""
    if payment.state is State.DECLINED:
        raise DECLINES.get(payment.decline_reason, PaymentDeclined)
    if payment.state is State.VOIDED or (payment.void_reason is not None and not payment.paid):
        raise PaymentVoided
    return payment


def _unanswered(payment: Payment, new: NewPayment) -> bool:
    same = (payment.order_id, payment.amount) == (new.order_id, new.amount)
    return same and payment.state is State.UNKNOWN and not payment.silent and payment.void_reason is None


async def _authorize(payments: Payments, new: NewPayment, token: str, kept: str) -> Payment:
    payment = await _answered(payments, new, token, kept)
    if (payment.order_id, payment.amount) != (new.order_id, new.amount) and payment.order_id is not None:
        raise KeyReused
    return unless_refused(payment)


async def _answered(payments: Payments, new: NewPayment, token: str, kept: str) -> Payment:
    payment, first = await payments.additions.submit(new)
    # A repeat asks for what has no answer yet: the provider does everything once under a key. Where our own database
    # went away between asking and recording, nobody but the caller still has the token.
    if not first and not _unanswered(payment, new):
        return payment
    if kept:
        token = await token_of(payments, new.user_id, payment.provider, kept)
        if not token:
            refused = Said(Status.DECLINED, reason=UnknownPaymentMethod.slug)
            return await payments.answers.submit(ProviderAnswer(payment, refused))
    try:
        said: Said | None = await payments.ask(
            payments.providers.of(payment.provider).authorize(
                new.key, order_id=new.order_id, amount=new.amount, token=token
            )
        )
    except ProviderSilent:
        said = None
    return await payments.answers.submit(ProviderAnswer(payment, said))
