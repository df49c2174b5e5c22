"""A shop that takes tax, shipping rates and payments from an installed package, and sells."""

from __future__ import annotations

import asyncio
import importlib
import time

import pytest
from journeys.client import ADDRESS, Shopper
from stocking import admin_of, stock_up, visitor_of

from stoa.audit.audit import audit
from stoa.runtime.failure import Failure

pytestmark = pytest.mark.usefixtures("acme")


@pytest.fixture
async def shop(shop_with, monkeypatch):
    for variable, value in {
        "STOA_CHECKOUT_TAX": "by-country",
        "STOA_CHECKOUT_SHIPPING": "bicycle",
        "STOA_CHECKOUT_CALL_TIMEOUT_SECONDS": "0.5",
        "STOA_CHECKOUT_GIVE_UP_AFTER_SECONDS": "1",
        "STOA_PAYMENT_PROVIDER": "bank",
    }.items():
        monkeypatch.setenv(variable, value)
    return await shop_with()


@pytest.fixture
async def ada(shop) -> Shopper:
    await stock_up(shop, "MUG", price=1000, on_hand=10)
    ada = await visitor_of(shop).register()
    await ada.fill_cart(MUG=2)
    return ada


async def until(holds, within_seconds: float = 20.0) -> None:
    give_up = time.monotonic() + within_seconds
    while not holds():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.02)


def order(country: str = "GB", token: str = "bank-card", method: str = "bicycle") -> dict[str, object]:
    address = ADDRESS | {"country": country, "postal_code": "SW1Y 4JH" if country == "GB" else "10115"}
    return {"shipping_address": address, "shipping_method": method, "payment": {"method": "card", "token": token}}


async def test_what_is_quoted_by_a_package_is_sold(shop, ada: Shopper):
    asked = {"shipping_method": "bicycle", "shipping_address": ADDRESS}
    quoted = await ada.ok("POST", "/checkout/quote", asked)
    figures = {name: quoted[name]["amount"] for name in ("subtotal", "shipping", "tax", "total")}
    assert figures == {"subtotal": 2000, "shipping": 100, "tax": 420, "total": 2520}
    how = {entry["figure"]: entry["how"] for entry in quoted["trace"]}
    assert (how["shipping"], how["tax"]) == ("by bicycle", "20 % in GB")

    sold = await ada.ok("POST", "/orders", order(), status=201)
    assert sold["total"] == quoted["total"]
    await shop.settle()
    [payment] = (await ada.ok("GET", f"/payments?order_id={sold['id']}"))["items"]
    assert (payment["provider"], payment["state"], payment["amount"]) == ("bank", "captured", quoted["total"])
    assert await shop.databases["payment"].fetchval("SELECT count(*) FROM simulator.payments") == 0

    # The bank gives back what it has taken.
    await ada.ok("POST", f"/orders/{sold['id']}/cancel", {"reason": "too many mugs"})
    await ada.until(f"/payments/{payment['id']}", lambda now: now["state"] == "refunded")
    await shop.settle()
    verdicts = await audit(shop.databases, looks=2, pause_seconds=0.0)
    assert [finding for verdict in verdicts for finding in verdict.findings] == []


@pytest.mark.parametrize(
    ("asked", "status", "problem", "field"),
    [
        (order(country="DE"), 422, "not-delivered", "shipping_address"),
        (order(country="FR"), 503, "shipping-unavailable", None),
        (order(method="standard"), 422, "unknown-shipping-method", "shipping_method"),
        (order(token="tok_ok"), 402, "payment-declined", None),
    ],
)
async def test_what_a_package_refuses_leaves_nothing(shop, ada: Shopper, asked, status, problem, field):
    answer = await ada.send("POST", "/orders", asked)
    assert (answer.status, answer.problem, answer.body.get("field")) == (status, problem, field)
    assert (await ada.ok("GET", "/inventory/MUG"))["reserved"] == 0
    assert await shop.databases["order"].fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'") == 0


async def test_webhooks_go_to_whom_they_name(shop):
    visitor = visitor_of(shop)
    for provider, headers, status in [
        ("bank", {"Bank-Signature": "genuine"}, 204),
        ("bank", {"Bank-Signature": "forged"}, 401),
        ("simulator", {"Bank-Signature": "genuine"}, 401),
        ("nobody", {"Bank-Signature": "genuine"}, 404),
    ]:
        path = f"/payments/webhooks/{provider}"
        assert (await visitor.send("POST", path, {}, headers=headers)).status == status, provider


async def test_a_payment_waits_for_the_provider_that_has_it(shop, ada: Shopper):
    """Of an order that was paid at a provider which is gone: what goes back waits, and new payments go on."""
    sold = await ada.ok("POST", "/orders", order(), status=201)
    payment = shop.databases["payment"]
    await shop.settle()
    await payment.execute("UPDATE payments SET provider = 'gone'")
    await ada.ok("POST", f"/orders/{sold['id']}/cancel", {"reason": "too many mugs"})
    await shop.settle()
    [waiting] = await payment.fetch("SELECT state, attempts > 0 AS tried FROM refunds")
    assert waiting["state"] == "pending"
    await ada.fill_cart(MUG=1)
    await ada.ok("POST", "/orders", order(), status=201)
    await payment.execute("UPDATE payments SET provider = 'bank'")
    await payment.execute("UPDATE refunds SET due_at = now()")
    await ada.until(f"/payments?order_id={sold['id']}", lambda now: now["items"][0]["state"] == "refunded")


async def test_a_name_that_nobody_offers_ends_the_start(shop_with, monkeypatch):
    monkeypatch.setenv("STOA_PAYMENT_PROVIDER", "banc")
    with pytest.raises(
        Failure, match="STOA_PAYMENT_PROVIDER='banc' cannot be used: there is bank, simulator, stripe; set it"
    ):
        await shop_with()


async def test_the_simulator_says_that_no_money_moves(shop_with, caplog):
    await shop_with()
    assert "payment: payments go to the simulator: no money moves (STOA_PAYMENT_PROVIDER)" in caplog.messages


async def test_mails_are_carried_in_the_shops_own_words(shop_with, monkeypatch, tmp_path):
    mails = tmp_path / "shop" / "mails"
    mails.mkdir(parents=True)
    (mails / "welcome.txt").write_text("Good to see you, {{ first_name }}\nThe people of {{ shop_name }}\n")
    monkeypatch.setenv("STOA_SHOP_FOLDER", str(tmp_path / "shop"))
    monkeypatch.setenv("STOA_NOTIFICATION_MAIL", "carrier")
    shop = await shop_with()
    acme = importlib.import_module("acme")
    acme.CARRIER.down = 1
    ada = await visitor_of(shop).register()
    await until(lambda: acme.CARRIER.sent)
    [mail] = acme.CARRIER.sent
    assert ada.user is not None
    assert (mail.recipient, mail.subject) == (ada.user["email"], "Good to see you, Ada")
    assert mail.text == "The people of Stoa\n"
    admin = await admin_of(shop)
    found = await admin.until(f"/notifications/{mail.id}", lambda now: now["carried_at"])
    assert (found["undeliverable"], found["subject"]) == (None, mail.subject)


async def test_a_folder_that_is_not_there_ends_the_start(shop_with, monkeypatch, tmp_path):
    monkeypatch.setenv("STOA_SHOP_FOLDER", str(tmp_path / "shop"))
    with pytest.raises(Failure, match=r"STOA_SHOP_FOLDER='.*/shop' is no folder; make it, or leave it out"):
        await shop_with()


async def test_a_folder_that_nobody_reads_ends_the_start(shop_with, monkeypatch, tmp_path):
    for name in ("mail", ".git", "catalog"):
        (tmp_path / "shop" / name).mkdir(parents=True)
    monkeypatch.setenv("STOA_SHOP_FOLDER", str(tmp_path / "shop"))
    with pytest.raises(Failure, match=r"/shop/mail is read by nobody: mails\?; call it so, or take it out$"):
        await shop_with()


async def test_the_gateway_shows_the_shops_own_page(shop_with, monkeypatch, tmp_path):
    pages = tmp_path / "shop" / "pages"
    pages.mkdir(parents=True)
    (pages / "landing.html").write_text("<h1>Acme</h1>")
    monkeypatch.setenv("STOA_SHOP_FOLDER", str(tmp_path / "shop"))
    shop = await shop_with()
    async with shop.http.get(f"http://127.0.0.1:{shop.process.port}/") as reply:
        assert (reply.status, await reply.text()) == (200, "<h1>Acme</h1>")


async def test_a_page_that_is_none_of_ours_ends_the_start(shop_with, monkeypatch, tmp_path):
    pages = tmp_path / "shop" / "pages"
    pages.mkdir(parents=True)
    (pages / "index.html").write_text("<h1>Acme</h1>")
    monkeypatch.setenv("STOA_SHOP_FOLDER", str(tmp_path / "shop"))
    with pytest.raises(Failure, match=r"/pages/index.html is no page of ours"):
        await shop_with()
