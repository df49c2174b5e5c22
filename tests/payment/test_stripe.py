"""What Stripe is asked, what is made of its answers, and what is known when an answer is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from payment.conftest import gbp, new_payment
from payment.stripe_server import API_KEY, WEBHOOK_SECRET, StripeServer, running

from stoa.kit.money import Money
from stoa.ports.payment import Heard, NotGenuine, Status
from stoa.services.payment.errors import ProviderSilent
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.stripe_provider import Stripe


@pytest.fixture
def server() -> StripeServer:
    return StripeServer()


@pytest.fixture
async def endpoint(server: StripeServer) -> AsyncIterator[str]:
    async with running(server) as where:
        yield where


@pytest.fixture
async def provider(database, endpoint: str) -> AsyncIterator[Stripe]:
    made = Stripe(
        await database("payment"),
        api_key=API_KEY,
        webhook_secret=WEBHOOK_SECRET,
        endpoint=endpoint,
        tolerance_seconds=300,
    )
    yield made
    await made.close()


async def authorize(provider: Stripe, new: NewPayment, token: str = "pm_card_visa"):
    return await provider.authorize(new.key, order_id=new.order_id, amount=new.amount, token=token)


async def lost(asked) -> None:
    """Whoever asks has waited long enough."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asked, 0.5)


async def test_the_intent_says_whose_it_is_and_is_made_before_money_is_held(provider, server):
    new = new_payment(amount=Money(1999, "ISK"))
    said = await authorize(provider, new)
    assert server.asked == ["create payment_intents", "confirm payment_intents"]
    intent = server.intents[said.reference]
    assert (intent["amount"], intent["currency"], intent["capture_method"]) == (199900, "isk", "manual")
    assert intent["metadata"] == {"stoa_key": new.key, "order_id": new.order_id}


@pytest.mark.parametrize("token", ["pm_card_visa", "tok_visa", "ctoken_visa"])
async def test_a_card_may_be_named_in_each_of_stripes_ways(provider, token):
    assert (await authorize(provider, new_payment(), token)).status is Status.AUTHORIZED


async def test_a_token_that_stripe_does_not_know(provider):
    for token in ("pm_nobody", "tok_nobody"):
        assert (await authorize(provider, new_payment(), token)).reason == "unknown-token"


async def test_a_card_that_wants_its_owner_is_declined(provider):
    new = new_payment()
    said = await authorize(provider, new, "pm_card_threeDSecure2Required")
    assert (said.status, said.reason) == (Status.DECLINED, "payment-declined")
    assert await provider.query(new.key) == replace(said, refunded_minor=0)


async def test_where_the_making_is_lost_nothing_is_held_and_a_repeat_finds_it(provider, server):
    new = new_payment()
    server.lost = {"create payment_intents"}
    await lost(authorize(provider, new))
    assert (await provider.query(new.key)).status is Status.ABSENT
    server.lost = set()
    assert (await authorize(provider, new)).status is Status.AUTHORIZED
    assert len(server.intents) == 1


async def test_where_the_confirmation_is_lost_it_is_known_what_happened(provider, server):
    done, not_done = new_payment(), new_payment()
    server.lost = {"confirm payment_intents"}
    await lost(authorize(provider, done))
    server.lost, server.deaf = set(), {"confirm payment_intents"}
    await lost(authorize(provider, not_done))
    server.deaf = set()
    assert (await provider.query(done.key)).status is Status.AUTHORIZED
    assert (await provider.query(not_done.key)).status is Status.ABSENT
    assert (await provider.void(not_done.key)).status is Status.VOIDED
    assert (await authorize(provider, not_done)).status is Status.VOIDED
    assert [intent["status"] for intent in server.intents.values()] == ["requires_capture", "canceled"]


async def test_a_capture_and_a_refund_whose_answers_are_lost_happen_once(provider, server):
    new = new_payment()
    await authorize(provider, new)
    server.lost = {"capture payment_intents", "create refunds"}
    await lost(provider.capture(new.key))
    assert (await provider.query(new.key)).status is Status.CAPTURED
    await lost(provider.refund(new.key, refund_key="r", amount=gbp(400)))
    server.lost = set()
    assert (await provider.capture(new.key)).status is Status.CAPTURED
    assert (await provider.refund(new.key, refund_key="r", amount=gbp(400))).done
    assert [refund["amount"] for refund in server.refunds.values()] == [400]


async def test_what_the_bank_let_go_of_is_voided(provider, server):
    new = new_payment()
    said = await authorize(provider, new)
    server.intents[said.reference]["status"] = "canceled"
    assert (await provider.capture(new.key)).status is Status.VOIDED


async def test_a_wrong_key_is_silence_and_stands_in_the_log(database, endpoint, caplog):
    provider = Stripe(
        await database("payment"), api_key="sk_test_wrong", webhook_secret="w", endpoint=endpoint, tolerance_seconds=1
    )
    with pytest.raises(ProviderSilent):
        await authorize(provider, new_payment())
    assert "Invalid API Key provided" in caplog.text
    assert "sk_test_wrong" not in caplog.text
    await provider.close()


async def test_nobody_there_is_silence(database):
    provider = Stripe(
        await database("payment"),
        api_key=API_KEY,
        webhook_secret="w",
        endpoint="http://127.0.0.1:9",
        tolerance_seconds=1,
    )
    with pytest.raises(ProviderSilent):
        await authorize(provider, new_payment())
    await provider.close()


async def test_a_webhook_says_which_payment_it_is_about(provider, server):
    new = new_payment(amount=Money(500, "ISK"))
    intent = server.intents[(await authorize(provider, new)).reference]
    headers, body = server.webhook("payment_intent.amount_capturable_updated", intent)
    assert await provider.read_webhook(headers, body) == Heard("evt_1", new.key, new.order_id, Money(500, "ISK"))
    for kind, other in (("payment_intent.created", intent), ("payment_intent.succeeded", {**intent, "metadata": {}})):
        assert await provider.read_webhook(*server.webhook(kind, other)) is None


async def test_a_webhook_that_is_not_stripes_is_not_believed(provider, server):
    intent = {"amount": 1, "currency": "gbp", "metadata": {"stoa_key": "k"}}
    headers, body = server.webhook("payment_intent.succeeded", intent)
    old, _ = server.webhook("payment_intent.succeeded", intent, at=time.time() - 301)
    for forged in ({}, {"stripe-signature": "t=1,v1=00"}, {"stripe-signature": "nonsense"}, old):
        with pytest.raises(NotGenuine):
            await provider.read_webhook(forged, body)
    with pytest.raises(NotGenuine):
        await provider.read_webhook(headers, body + b" ")
    for wrong in ("payment_intent.succeeded", {"no": "amount"}), ("payment_intent.succeeded", []):
        with pytest.raises(ValueError, match="Stripe"):
            await provider.read_webhook(*server.webhook(*wrong))
