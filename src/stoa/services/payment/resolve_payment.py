"""Resolve: ask the provider what became of a payment that it has not answered for. Never guess."""

from __future__ import annotations

from stoa.services.payment.errors import ProviderSilent
from stoa.services.payment.find_payment import payment_of_key
from stoa.services.payment.provider import Said, Status
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment, State


async def resolve(payments: Payments, key: str) -> Payment:
    """The payment as it is now: still UNKNOWN or CAPTURE_UNKNOWN where the provider is silent again.

    Where the provider knows nothing of it, a tombstone is left there first, so that the call that may
    still be on its way takes nothing either; then it is DECLINED as timed out. A repeat does no harm.
    """
    for act in ("authorize", "capture"):
        await payments.underway.settled(act, key)
    payment = await payment_of_key(payments, key)
    if not payment.unsettled:
        return payment
    try:
        said = await payments.ask(payments.provider.query(key))
        if _nothing_yet(payment, said):
            if payment.asked_seconds_ago < payments.settings.provider_timeout_seconds:
                return payment  # another process may be waiting for the answer right now
            if payment.state is State.UNKNOWN:
                said = await payments.ask(payments.provider.void(key))
    except ProviderSilent:
        return payment
    return await payments.answers.submit((key, said))


def _nothing_yet(payment: Payment, said: Said) -> bool:
    """Whether the provider has not done, so far, what we asked for last."""
    return said.status is (Status.ABSENT if payment.state is State.UNKNOWN else Status.AUTHORIZED)
