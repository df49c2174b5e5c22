"""Stripe behind the payment port, by its own library.

A payment is a PaymentIntent with `capture_method=manual`. It is made without a card first, which moves nothing, and its
id is committed here; then it is confirmed with the card. So whatever dies in between, who asks later knows which one to
ask about: searching Stripe by our key would be asking an index that may be a minute behind. Each request carries an
idempotency key of Stripe's made of ours, and what Stripe answers to a repeat is what it did the first time.

A card that wants its owner to confirm (3-D Secure) declines: whoever takes cards in the shop's own page has that done
there, before the token comes here. https://docs.stripe.com/api says what each object means.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Mapping
from typing import Any

import msgspec
import stripe
from msgspec.structs import replace
from stripe.params import PaymentIntentConfirmParams, PaymentIntentCreateParams

from stoa.kit.db import Database
from stoa.kit.money import Money
from stoa.ports.payment import CardRefused, Heard, KeptCard, NotGenuine, Said, SaidOfRefund, Status
from stoa.services.payment.errors import InsufficientFunds, PaymentDeclined, ProviderSilent, UnknownToken

NAME = "stripe"

SIGNATURE = "stripe-signature"

UNEXPECTED_STATE = "payment_intent_unexpected_state"
"""Stripe's word for an intent that is not in a state in which this can be asked of it."""

log = logging.getLogger(__name__)

_HUNDREDFOLD = frozenset({"ISK", "UGX"})
"""Currencies without minor units of which Stripe counts hundredths all the same."""

_DECLINE_CODES = {"insufficient_funds": InsufficientFunds.slug}


class Stripe:
    """`endpoint` is where Stripe is spoken; `tolerance_seconds` how far a webhook's time may be from our clock."""

    def __init__(
        self, db: Database, *, api_key: str, webhook_secret: str, endpoint: str, tolerance_seconds: int
    ) -> None:
        self._db = db
        self._webhook_secret = webhook_secret
        self._tolerance_seconds = tolerance_seconds
        self._http = stripe.AIOHTTPClient()
        # What was not answered is asked again by who asks us, by the same keys.
        self._client = stripe.StripeClient(
            api_key, base_addresses={"api": endpoint}, max_network_retries=0, http_client=self._http
        )

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def authorize(self, key: str, *, order_id: str, amount: Money, token: str) -> Said:
        row = await self._db.fetchrow(INTENT_OF, key)
        if row is None:
            intent = await self._made(key, order_id, amount, token.partition("/")[0] if "/" in token else None)
            row = await self._db.fetchrow(KEEP_INTENT, key, intent.id)
            assert row is not None  # it answers with what is there
        if row["voided"]:
            said = await self.query(key)
            return Said(Status.VOIDED) if said.status is Status.ABSENT else said
        params: PaymentIntentConfirmParams = {"error_on_requires_action": True, **_card(token)}
        try:
            return _said(
                await self._client.v1.payment_intents.confirm_async(
                    row["intent_id"], params, {"idempotency_key": f"{key} confirm"}
                )
            )
        except stripe.CardError as declined:
            return Said(Status.DECLINED, row["intent_id"], _reason(declined.error))
        except stripe.IdempotencyError:
            # Confirmed before, with another card: that is what happened under the key.
            return await self.query(key)
        except stripe.InvalidRequestError as refused:
            if refused.code == UNEXPECTED_STATE:
                return await self.query(key)
            if refused.code == "resource_missing" and (refused.param or "").startswith(("payment_method", "confirm")):
                return Said(Status.DECLINED, row["intent_id"], UnknownToken.slug)
            raise _unusable(refused) from refused
        except stripe.StripeError as silent:
            raise _unusable(silent) from silent

    async def keep(self, token: str, *, customer: str) -> KeptCard:
        """The reference is that of the card with its owner at Stripe: neither pays without the other."""
        try:
            customer_id = await self._db.fetchval(CUSTOMER, customer)
            if customer_id is None:
                made = await self._client.v1.customers.create_async(
                    {"metadata": {"stoa_user": customer}}, {"idempotency_key": f"customer {customer}"}
                )
                customer_id = await self._db.fetchval(KEEP_CUSTOMER, customer, made.id)
            kept = await self._client.v1.payment_methods.attach_async(token, {"customer": customer_id})
        except (stripe.CardError, stripe.InvalidRequestError):
            raise CardRefused from None
        except stripe.StripeError as silent:
            raise _unusable(silent) from silent
        card = kept.card
        if card is None:
            raise CardRefused
        expires = f"{card.exp_year}-{card.exp_month:02}"
        return KeptCard(f"{customer_id}/{kept.id}", card.brand, card.last4 or "", expires)

    async def forget(self, reference: str) -> None:
        try:
            await self._client.v1.payment_methods.detach_async(reference.partition("/")[2])
        except stripe.InvalidRequestError:
            return  # nobody's already
        except stripe.StripeError as silent:
            raise _unusable(silent) from silent

    async def query(self, key: str) -> Said:
        row = await self._db.fetchrow(INTENT_OF, key)
        if row is None:
            return Said(Status.ABSENT)
        if row["intent_id"] is None:
            return Said(Status.VOIDED)
        try:
            intent = await self._client.v1.payment_intents.retrieve_async(
                row["intent_id"], {"expand": ["latest_charge"]}
            )
        except stripe.StripeError as silent:
            raise _unusable(silent) from silent
        charge = intent.latest_charge
        refunded = (
            None if charge is None or isinstance(charge, str) else _our_minor(charge.amount_refunded, charge.currency)
        )
        return replace(_said(intent), refunded_minor=refunded)

    async def capture(self, key: str) -> Said:
        intent_id = await self._db.fetchval(INTENT_ID_OF, key)
        if intent_id is None:
            return await self.query(key)
        options: stripe.RequestOptions = {"idempotency_key": f"{key} capture"}
        return await self._become(key, self._client.v1.payment_intents.capture_async(intent_id, {}, options))

    async def void(self, key: str) -> Said:
        intent_id = await self._db.fetchval(VOID, key)
        if intent_id is None:
            return Said(Status.VOIDED)
        said = await self.query(key)
        if said.status in {Status.CAPTURED, Status.DECLINED, Status.VOIDED}:
            return said
        options: stripe.RequestOptions = {"idempotency_key": f"{key} void"}
        return await self._become(key, self._client.v1.payment_intents.cancel_async(intent_id, {}, options))

    async def _become(self, key: str, asked: Coroutine[Any, Any, stripe.PaymentIntent]) -> Said:
        """What the intent has become; where it cannot become that, what it is."""
        try:
            return _said(await asked)
        except stripe.InvalidRequestError as refused:
            if refused.code == UNEXPECTED_STATE:
                return await self.query(key)
            raise _unusable(refused) from refused
        except stripe.StripeError as silent:
            raise _unusable(silent) from silent

    async def refund(self, key: str, *, refund_key: str, amount: Money) -> SaidOfRefund:
        intent_id = await self._db.fetchval(INTENT_ID_OF, key)
        if intent_id is None:
            return SaidOfRefund(done=False)
        try:
            refund = await self._client.v1.refunds.create_async(
                {
                    "payment_intent": intent_id,
                    "amount": _stripe_amount(amount),
                    "metadata": {"stoa_refund": refund_key},
                },
                {"idempotency_key": refund_key},
            )
        except stripe.InvalidRequestError as refused:
            if refused.code in _NEVER_REFUNDED or refused.param == "amount":
                return SaidOfRefund(done=False)
            raise _unusable(refused) from refused
        except stripe.StripeError as silent:
            raise _unusable(silent) from silent
        # `pending` is on its way: banks take days, and Stripe has the money back already.
        return SaidOfRefund(done=refund.status in {"succeeded", "pending"}, reference=refund.id)

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Heard | None:
        try:
            stripe.WebhookSignature.verify_header(
                body.decode(), headers.get(SIGNATURE, ""), self._webhook_secret, self._tolerance_seconds
            )
        except stripe.SignatureVerificationError:
            raise NotGenuine from None
        try:
            event = msgspec.json.decode(body, type=_Event)
            intent = msgspec.convert(event.data.object, _Intent) if event.type in _TOLD else None
        except (msgspec.DecodeError, RecursionError):
            raise ValueError("no event of Stripe") from None
        if intent is None or "stoa_key" not in intent.metadata:
            return None
        amount = Money(_our_minor(intent.amount, intent.currency), intent.currency.upper())
        return Heard(event.id, intent.metadata["stoa_key"], intent.metadata.get("order_id", ""), amount)

    async def _made(self, key: str, order_id: str, amount: Money, customer_id: str | None) -> stripe.PaymentIntent:
        """An intent that nobody has confirmed: nothing is held. A card that is kept is paid by its owner alone."""
        params: PaymentIntentCreateParams = {
            "amount": _stripe_amount(amount),
            "currency": amount.currency.lower(),
            "capture_method": "manual",
            "allowed_payment_method_types": ["card"],
            "metadata": {"stoa_key": key, "order_id": order_id},
        }
        if customer_id is not None:
            params["customer"] = customer_id
        try:
            return await self._client.v1.payment_intents.create_async(params, {"idempotency_key": f"{key} intent"})
        except stripe.StripeError as silent:
            raise _unusable(silent) from silent


class _Data(msgspec.Struct, frozen=True):
    object: dict[str, Any]


class _Event(msgspec.Struct, frozen=True):
    """Members that we do not know are left alone."""

    id: str
    type: str
    data: _Data


class _Intent(msgspec.Struct, frozen=True):
    amount: int
    currency: str
    metadata: dict[str, str] = {}


_TOLD = {
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
}
_NEVER_REFUNDED = {"charge_already_refunded", "amount_too_large", UNEXPECTED_STATE, "missing"}


def _card(token: str) -> PaymentIntentConfirmParams:
    """How Stripe is told of the card: by the kind of name that its scripts have given it."""
    if token.startswith("ctoken_"):
        return {"confirmation_token": token}
    if token.startswith("tok_"):
        # The library's types know the card's other members only.
        card: Any = {"type": "card", "card": {"token": token}}
        return {"payment_method_data": card}
    return {"payment_method": token.rpartition("/")[2]}


def _said(intent: stripe.PaymentIntent) -> Said:
    """What the intent's status means to us. https://docs.stripe.com/payments/paymentintents/lifecycle"""
    match intent.status:
        case "requires_capture":
            return Said(Status.AUTHORIZED, intent.id)
        case "succeeded":
            return Said(Status.CAPTURED, intent.id)
        case "canceled":
            return Said(Status.VOIDED, intent.id)
        case "processing":
            raise ProviderSilent("Stripe is still working on it.")
    if (failed := intent.last_payment_error) is not None:
        return Said(Status.DECLINED, intent.id, _reason(failed))
    # Nobody has confirmed it: nothing is held.
    return Said(Status.ABSENT)


def _reason(error: Any) -> str:
    """Of an error as it stands in an answer, or in an intent: both have the bank's word in the same place."""
    return _DECLINE_CODES.get(getattr(error, "decline_code", None) or "", PaymentDeclined.slug)


def _stripe_amount(amount: Money) -> int:
    """In what Stripe counts. https://docs.stripe.com/currencies#special-cases"""
    return amount.amount * 100 if amount.currency in _HUNDREDFOLD else amount.amount


def _our_minor(counted: int, currency: str) -> int:
    """What Stripe counts of a currency, which it writes in lower case, as we do."""
    return counted // 100 if currency.upper() in _HUNDREDFOLD else counted


def _unusable(error: stripe.StripeError) -> ProviderSilent:
    """Stripe did not do what we asked, and its answer does not say that it never will: it is asked again, or found out.
    What is wrong on our side stands in the log."""
    if isinstance(error, (stripe.AuthenticationError, stripe.PermissionError, stripe.InvalidRequestError)):
        log.error("Stripe refuses what we ask: %s", error.user_message or error)
    return ProviderSilent()


CUSTOMER = "SELECT customer_id FROM stripe.customers WHERE user_id = $1"
KEEP_CUSTOMER = """
    INSERT INTO stripe.customers AS known (user_id, customer_id) VALUES ($1, $2)
    ON CONFLICT (user_id) DO UPDATE SET customer_id = known.customer_id
    RETURNING customer_id
"""
_COLUMNS = "intent_id, voided"
INTENT_OF = f"SELECT {_COLUMNS} FROM stripe.intents WHERE key = $1"  # noqa: S608 - columns
INTENT_ID_OF = "SELECT intent_id FROM stripe.intents WHERE key = $1"
KEEP_INTENT = f"""
    INSERT INTO stripe.intents AS known (key, intent_id) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET intent_id = coalesce(known.intent_id, excluded.intent_id)
    RETURNING {_COLUMNS}
"""  # noqa: S608 - columns
VOID = """
    INSERT INTO stripe.intents AS known (key, voided) VALUES ($1, true)
    ON CONFLICT (key) DO UPDATE SET voided = true
    RETURNING intent_id
"""
