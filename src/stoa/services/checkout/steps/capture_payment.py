"""Capture: take the money. The pivot: up to here all can be undone, from here on it only goes forward.

No undo: captured money is not un-captured but refunded, and nothing after this step gives up. Where the
capture itself is refused, the undo of `authorize_payment` sees to whatever happened.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.contracts.payment.v1.payment_pb2 import CaptureManyRequest, CaptureRequest, Payment, PaymentState
from stoa.kit.many import results_of
from stoa.kit.problems import Conflict
from stoa.services.checkout.errors import PaymentRefused, StillUnknown
from stoa.services.checkout.messages import origins
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.authorize_payment import resolved
from stoa.services.checkout.steps.step import Step

REFUSED = {PaymentState.PAYMENT_STATE_VOIDED, PaymentState.PAYMENT_STATE_DECLINED}


async def do(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    requests = [CaptureRequest(key=one.checkout_id) for one in purchases]
    wave = CaptureManyRequest(requests=requests, origins=origins(purchases))
    answer = await neighbors.payment.CaptureMany(wave, timeout=neighbors.timeout_seconds)
    payments = await resolved(neighbors, results_of(answer.outcomes))
    return [_taken(purchase, payment) for purchase, payment in zip(purchases, payments, strict=True)]


def _taken(purchase: Purchase, payment: Payment | Exception) -> Purchase | Exception:
    if isinstance(payment, Conflict):
        # The bank let go of what it had held, or an operator voided it.
        return PaymentRefused("payment-declined")
    if isinstance(payment, Exception):
        return payment
    if payment.state == PaymentState.PAYMENT_STATE_AUTHORIZED:
        return StillUnknown()  # it is known now: nothing was taken, so it is asked for again
    if payment.state in REFUSED:
        return PaymentRefused(payment.decline_reason or "payment-declined")
    return purchase


CAPTURE_PAYMENT = Step("capture_payment", do, pivot=True)
