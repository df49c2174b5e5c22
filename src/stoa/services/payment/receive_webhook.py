"""A provider tells us something. It is a reason to ask, never a reason to believe.

A genuine webhook of a payment that we have no answer for makes us ask the provider what happened; one
that is forged, old or does not match changes nothing, and neither does one that came before.
"""

from __future__ import annotations

from collections.abc import Mapping

from stoa.kit import problems
from stoa.ports.payment import NotGenuine
from stoa.services.payment import repository
from stoa.services.payment.errors import BadSignature, WebhookMismatch
from stoa.services.payment.resolve_payment import resolve
from stoa.services.payment.service import Payments


async def receive(payments: Payments, provider: str, headers: Mapping[str, str], body: bytes) -> None:
    """`headers` are named in lower case.

    Raises `NoSuchProvider`, `BadSignature`, or `Unprocessable` (`WebhookMismatch`) where the content cannot be right.
    """
    try:
        heard = await payments.ask(payments.providers.named_in_webhook(provider).read_webhook(headers, body))
    except NotGenuine:
        raise BadSignature from None
    except ValueError:
        raise problems.Unprocessable("The webhook is signed, but cannot be read.", field="body") from None
    if heard is None:
        return
    payment = await payments.by_key.get(heard.key)
    if payment is None or payment.provider != provider:
        raise WebhookMismatch("key")
    if heard.order_id != payment.order_id:
        raise WebhookMismatch("order_id")
    if heard.amount != payment.amount:
        raise WebhookMismatch("amount")
    if await repository.remember_webhook(payments.db, provider, heard.id):
        await resolve(payments, payment.key)
