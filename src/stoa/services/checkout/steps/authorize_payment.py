"""Authorize: hold the money. What the provider has not answered is resolved by asking it, never guessed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stoa.contracts.payment.v1.payment_pb2 import (
    AuthorizeManyRequest,
    AuthorizeRequest,
    Payment,
    PaymentState,
    ResolvePaymentRequest,
    VoidManyRequest,
    VoidPaymentRequest,
)
from stoa.kit.many import UnderWay, results_of
from stoa.kit.problems import Problem
from stoa.services.checkout.errors import PaymentRefused, StillUnknown
from stoa.services.checkout.messages import money_message, origins
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step, unchanged
from stoa.services.checkout.trying import Stuck

HELD = {
    PaymentState.PAYMENT_STATE_AUTHORIZED,
    # It was taken before, by a run that a crash cut off.
    PaymentState.PAYMENT_STATE_CAPTURED,
    PaymentState.PAYMENT_STATE_PARTIALLY_REFUNDED,
    PaymentState.PAYMENT_STATE_REFUNDED,
}
VOIDED = "/problems/payment-voided"
INTERRUPTED = "/problems/payment-interrupted"
"""Nobody came back for so long that payment has ended it: the shopper may try again with the same key."""
UNKNOWN = {PaymentState.PAYMENT_STATE_UNKNOWN, PaymentState.PAYMENT_STATE_CAPTURE_UNKNOWN}


async def do(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    wave = AuthorizeManyRequest(requests=[_request(one) for one in purchases], origins=origins(purchases))
    answer = await neighbors.payment.AuthorizeMany(wave, timeout=neighbors.timeout_seconds)
    payments = await resolved(neighbors, results_of(answer.outcomes))
    return [_held(purchase, payment) for purchase, payment in zip(purchases, payments, strict=True)]


def _request(purchase: Purchase) -> AuthorizeRequest:
    return AuthorizeRequest(
        key=purchase.checkout_id,
        order_id=purchase.order_id,
        user_id=purchase.user_id or "",
        amount=money_message(purchase.priced.total),
        method=purchase.payment_method,
        token=purchase.token,
        payment_method_id=purchase.payment_method_id,
    )


def _held(purchase: Purchase, payment: Payment | Exception) -> Purchase | Exception:
    if isinstance(payment, Problem) and payment.type == VOIDED:
        # The bank or staff let go of it, and who had this checkout before us could not write down that the capture was
        # refused for it: the shopper hears the same of both.
        return PaymentRefused("payment-declined")
    if isinstance(payment, Problem) and payment.type == INTERRUPTED:
        return Stuck(payment.detail)
    if isinstance(payment, Exception):
        return payment
    if payment.state not in HELD:
        return PaymentRefused(payment.decline_reason or "payment-declined")
    return replace(purchase, payment_id=payment.id, token="")


async def undo(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    """Also gives a capture back; refuses an Authorize that is still on its way."""
    requests = [VoidPaymentRequest(key=one.checkout_id, reason="checkout failed") for one in purchases]
    wave = VoidManyRequest(requests=requests, origins=origins(purchases))
    answer = await neighbors.payment.VoidMany(wave, timeout=neighbors.timeout_seconds)
    return unchanged(purchases, results_of(answer.outcomes))


async def resolved(neighbors: Neighbors, payments: Sequence[Payment | Exception]) -> list[Payment | Exception]:
    """Each with an answer of the provider. One that has none is left out of a wave, and asked for when it is alone;
    `StillUnknown` where there still is none then: ask again.
    """
    if len(payments) == 1 and not isinstance(payments[0], Exception) and payments[0].state in UNKNOWN:
        request = ResolvePaymentRequest(key=payments[0].key)
        payment = (await neighbors.payment.ResolvePayment(request, timeout=neighbors.timeout_seconds)).payment
        return [StillUnknown() if payment.state in UNKNOWN else payment]
    return [
        UnderWay("The provider has not answered.")
        if not isinstance(payment, Exception) and payment.state in UNKNOWN
        else payment
        for payment in payments
    ]


AUTHORIZE_PAYMENT = Step("authorize_payment", do, undo)
