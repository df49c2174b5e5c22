"""Capture: take the money. The pivot: up to here all can be undone, from here on it only goes forward.

No undo: captured money is not un-captured but refunded, and nothing after this step gives up. Where the
capture itself is refused, the undo of `authorize_payment` sees to whatever happened.
"""

from __future__ import annotations

from stoa.contracts.payment.v1.payment_pb2 import CaptureRequest, PaymentState
from stoa.kit.problems import Conflict
from stoa.services.checkout.errors import PaymentRefused, StillUnknown
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.authorize_payment import resolved
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    request = CaptureRequest(key=purchase.checkout_id)
    try:
        answer = await neighbors.payment.Capture(request, timeout=neighbors.timeout_seconds)
    except Conflict as conflict:
        # The bank let go of what it had held, or an operator voided it.
        raise PaymentRefused("payment-declined") from conflict
    payment = await resolved(neighbors, answer.payment)
    if payment.state == PaymentState.PAYMENT_STATE_AUTHORIZED:
        raise StillUnknown  # it is known now: nothing was taken, so it is asked for again
    if payment.state in {PaymentState.PAYMENT_STATE_VOIDED, PaymentState.PAYMENT_STATE_DECLINED}:
        raise PaymentRefused(payment.decline_reason or "payment-declined")
    return purchase


CAPTURE_PAYMENT = Step("capture_payment", do, pivot=True)
