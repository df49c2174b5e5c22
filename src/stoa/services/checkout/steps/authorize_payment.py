"""Authorize: hold the money. What the provider has not answered is resolved by asking it, never guessed."""

from __future__ import annotations

from msgspec.structs import replace

from stoa.contracts.payment.v1.payment_pb2 import (
    AuthorizeRequest,
    Payment,
    PaymentState,
    ResolvePaymentRequest,
    VoidPaymentRequest,
)
from stoa.services.checkout.errors import PaymentRefused, StillUnknown
from stoa.services.checkout.messages import money_message
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    assert purchase.quote is not None
    request = AuthorizeRequest(
        key=purchase.checkout_id,
        order_id=purchase.order_id,
        user_id=purchase.user_id or "",
        amount=money_message(purchase.quote.total),
        method=purchase.payment_method,
        token=purchase.token,
    )
    answer = await neighbors.payment.Authorize(request, timeout=neighbors.timeout_seconds)
    payment = await resolved(neighbors, answer.payment)
    if payment.state != PaymentState.PAYMENT_STATE_AUTHORIZED:
        raise PaymentRefused(payment.decline_reason or "payment-declined")
    return replace(purchase, payment_id=payment.id, token="")


async def undo(neighbors: Neighbors, purchase: Purchase) -> None:
    """Also gives a capture back; refuses an Authorize that is still on its way."""
    request = VoidPaymentRequest(key=purchase.checkout_id, reason="checkout failed")
    await neighbors.payment.VoidPayment(request, timeout=neighbors.timeout_seconds)


async def resolved(neighbors: Neighbors, payment: Payment) -> Payment:
    """The payment with an answer of the provider. Raises `StillUnknown` where it has none yet: ask again."""
    if not _unknown(payment):
        return payment
    request = ResolvePaymentRequest(key=payment.key)
    payment = (await neighbors.payment.ResolvePayment(request, timeout=neighbors.timeout_seconds)).payment
    if _unknown(payment):
        raise StillUnknown
    return payment


def _unknown(payment: Payment) -> bool:
    return payment.state in {PaymentState.PAYMENT_STATE_UNKNOWN, PaymentState.PAYMENT_STATE_CAPTURE_UNKNOWN}


AUTHORIZE_PAYMENT = Step("authorize_payment", do, undo)
