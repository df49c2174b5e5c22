"""A shop whose payments go to Stripe: what is sold is taken there, and what comes back is given back there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from journeys.client import ADDRESS, Shopper
from payment.stripe_server import API_KEY, WEBHOOK_SECRET, StripeServer, running
from stocking import stock_up, visitor_of

from stoa.audit.audit import audit
from stoa.runtime.failure import Failure


@pytest.fixture
async def server() -> AsyncIterator[StripeServer]:
    server = StripeServer()
    async with running(server):
        yield server


@pytest.fixture
async def shop(shop_with, server, monkeypatch):
    for variable, value in {
        "STOA_PAYMENT_PROVIDER": "stripe",
        "STOA_PAYMENT_STRIPE_API_KEY": API_KEY,
        "STOA_PAYMENT_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STOA_PAYMENT_STRIPE_ENDPOINT": server.endpoint,
        # Longer than two requests take on a busy machine: only one test waits for it.
        "STOA_PAYMENT_PROVIDER_TIMEOUT_SECONDS": "2",
        "STOA_PAYMENT_SETTLE_AFTER_SECONDS": "2",
    }.items():
        monkeypatch.setenv(variable, value)
    return await shop_with()


@pytest.fixture
async def ada(shop) -> Shopper:
    await stock_up(shop, "MUG", price=1000, on_hand=10)
    ada = await visitor_of(shop).register()
    await ada.fill_cart(MUG=2)
    return ada


def order(token: str = "pm_card_visa") -> dict[str, object]:
    payment = {"method": "card", "token": token}
    return {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": payment}


def at_stripe(server: StripeServer) -> list[tuple[str, int, int]]:
    given = {one["payment_intent"]: 0 for one in server.refunds.values()}
    for one in server.refunds.values():
        given[one["payment_intent"]] += one["amount"]
    return [(one["status"], one["amount"], given.get(one["id"], 0)) for one in server.intents.values()]


async def assert_sound(shop) -> None:
    await shop.settle()
    verdicts = await audit(shop.databases, looks=2, pause_seconds=0.0)
    assert [finding for verdict in verdicts for finding in verdict.findings] == []


async def test_what_is_sold_is_taken_and_what_is_canceled_goes_back(shop, ada: Shopper, server: StripeServer):
    sold = await ada.ok("POST", "/orders", order(), status=201)
    total = sold["total"]["amount"]
    assert at_stripe(server) == [("succeeded", total, 0)]
    [intent] = server.intents.values()
    assert intent["metadata"]["order_id"] == sold["id"]
    await shop.settle()
    for _ in range(2):
        headers, body = server.webhook("payment_intent.succeeded", intent)
        path = f"{ada.base_url}/api/v1/payments/webhooks/stripe"
        async with ada.session.post(path, data=body, headers=headers) as told:
            assert told.status == 204
    await ada.ok("POST", f"/orders/{sold['id']}/cancel", {"reason": "too many mugs"})
    await ada.until(f"/payments?order_id={sold['id']}", lambda now: now["items"][0]["state"] == "refunded")
    assert at_stripe(server) == [("succeeded", total, total)]
    await assert_sound(shop)


async def test_a_card_that_is_declined_leaves_nothing(shop, ada: Shopper, server: StripeServer):
    refused = await ada.send("POST", "/orders", order("pm_card_visa_chargeDeclinedInsufficientFunds"))
    assert (refused.status, refused.problem) == (402, "insufficient-funds")
    unknown = await ada.send("POST", "/orders", order("pm_nobody"))
    assert (unknown.status, unknown.problem, unknown.body["field"]) == (422, "unknown-token", "payment.token")
    assert (await ada.ok("GET", "/inventory/MUG"))["reserved"] == 0
    assert {status for status, _, _ in at_stripe(server)} == {"requires_payment_method"}
    await assert_sound(shop)


async def test_a_card_that_is_kept_pays_for_its_owner_alone(shop, ada: Shopper, server: StripeServer):
    card = await ada.ok("POST", "/payments/methods", {"token": "pm_card_visa"}, status=201)
    assert (card["provider"], card["brand"], card["last4"], card["expires"]) == ("stripe", "visa", "4242", "2031-05")
    by_card = order() | {"payment": {"method": "card", "payment_method_id": card["id"]}}
    eve = await visitor_of(shop).register()
    await eve.fill_cart(MUG=1)
    refused = await eve.send("POST", "/orders", by_card)
    assert (refused.status, refused.problem, refused.body["field"]) == (
        422,
        "unknown-payment-method",
        "payment.payment_method_id",
    )
    for _ in range(2):
        await ada.fill_cart(MUG=1)
        await ada.ok("POST", "/orders", by_card, status=201)
    [customer] = server.customers
    assert [intent["customer"] for intent in server.intents.values()] == [customer] * 2
    for payment in ({"method": "card"}, {"method": "card", "token": "pm_card_visa", "payment_method_id": card["id"]}):
        both = await ada.send("POST", "/orders", order() | {"payment": payment})
        assert (both.status, both.body["field"]) == (422, "payment.token")
    assert (await ada.send("DELETE", f"/payments/methods/{card['id']}")).status == 204
    async with asyncio.timeout(20):
        while server.attached:
            await asyncio.sleep(0.02)
    await assert_sound(shop)


async def test_an_answer_that_is_lost_is_found_out(shop, ada: Shopper, server: StripeServer):
    server.lost = {"confirm payment_intents", "capture payment_intents"}
    sold = await ada.ok("POST", "/orders", order(), status=201)
    assert at_stripe(server) == [("succeeded", sold["total"]["amount"], 0)]
    await assert_sound(shop)


async def test_without_its_secrets_the_shop_does_not_start(shop_with, monkeypatch):
    monkeypatch.setenv("STOA_PAYMENT_PROVIDER", "stripe")
    with pytest.raises(Failure, match="STOA_PAYMENT_STRIPE_API_KEY is empty, and payments are to go by Stripe"):
        await shop_with()
    monkeypatch.setenv("STOA_PAYMENT_STRIPE_API_KEY", API_KEY)
    with pytest.raises(Failure, match="STOA_PAYMENT_STRIPE_WEBHOOK_SECRET is empty"):
        await shop_with()
