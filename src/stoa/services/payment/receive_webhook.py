"""A provider tells us something. It is a reason to ask, never a reason to believe.

A genuine webhook of a payment that we have no answer for makes us ask the provider what happened; one
that is forged, old or does not match changes nothing, and neither does one that came before.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from stoa.kit import clock, problems
from stoa.kit.http.types import Price
from stoa.services.payment import repository, simulator
from stoa.services.payment.errors import BadSignature, WebhookMismatch
from stoa.services.payment.resolve_payment import resolve
from stoa.services.payment.service import Payments
from stoa.services.payment.signature import is_genuine

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class WebhookEvent(msgspec.Struct, frozen=True):
    """What a webhook says. A provider may add members: those that we do not know are left alone."""

    id: Text
    type: Text
    key: Text
    order_id: Text
    amount: Price


async def receive(payments: Payments, signature: str, body: bytes) -> None:
    """Raises `BadSignature`, or `Unprocessable` (`WebhookMismatch`) where the content cannot be right."""
    secret = await repository.webhook_secret(payments.db, simulator.NAME)
    tolerance = payments.settings.webhook_tolerance_seconds
    now = int(clock.now().timestamp())
    if not is_genuine(signature, secret, body, now=now, tolerance_seconds=tolerance):
        raise BadSignature
    event = _decode(body)
    payment = (await repository.payments_by_key(payments.db, [event.key])).get(event.key)
    if payment is None:
        raise WebhookMismatch("key")
    if event.order_id != payment.order_id:
        raise WebhookMismatch("order_id")
    if event.amount.money != payment.amount:
        raise WebhookMismatch("amount")
    if await repository.remember_webhook(payments.db, simulator.NAME, event.id):
        await resolve(payments, payment.key)


def _decode(body: bytes) -> WebhookEvent:
    try:
        return msgspec.json.decode(body, type=WebhookEvent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise problems.Unprocessable("The webhook is signed, but cannot be read.", field="body") from None
