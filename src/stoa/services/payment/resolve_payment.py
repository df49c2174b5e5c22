"""Resolve: ask the provider what became of a payment that it has not answered for. Never guess."""

from __future__ import annotations

from stoa.ports.payment import Said, Status
from stoa.services.payment.answers import ProviderAnswer
from stoa.services.payment.errors import ProviderSilent
from stoa.services.payment.find_payment import payment_of_key
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment, State


async def resolve(payments: Payments, key: str) -> Payment:
    """The payment as it is now: still UNKNOWN or CAPTURE_UNKNOWN where the provider is silent again.

    Where the provider knows nothing of it, a tombstone is left there first, so that the call that may
    still be on its way takes nothing either; then it is DECLINED as timed out. What a fault of ours kept
    from it stays UNKNOWN for whoever has the token and asks again, or voids it; where nobody does for
    `interrupted_after_seconds`, it is DECLINED as interrupted. A repeat does no harm.
    """
    for act in ("authorize", "capture"):
        await payments.single_flight.settled(act, key)
    payment = await payment_of_key(payments, key)
    # What is AUTHORIZED here may have been captured there, by who died before he could write it down.
    if not payment.unsettled and payment.state is not State.AUTHORIZED:
        return payment
    provider = payments.providers.of(payment.provider)
    try:
        said = await payments.ask(provider.query(key))
        if _nothing_yet(payment, said):
            if payment.state is State.AUTHORIZED or payment.asked_seconds_ago < _patience(payments, payment):
                return payment
            if payment.state is State.UNKNOWN:
                said = await payments.ask(provider.void(key))
    except ProviderSilent:
        return payment
    return await payments.answers.submit(ProviderAnswer(payment, said))


def _patience(payments: Payments, payment: Payment) -> float:
    """For how long somebody may be asking right now, or be about to ask again."""
    if payment.state is State.UNKNOWN and not payment.silent:
        return payments.settings.interrupted_after_seconds
    return payments.settings.provider_timeout_seconds


def _nothing_yet(payment: Payment, said: Said) -> bool:
    """Whether the provider has not done, so far, what we asked for last."""
    return said.status is (Status.ABSENT if payment.state is State.UNKNOWN else Status.AUTHORIZED)
