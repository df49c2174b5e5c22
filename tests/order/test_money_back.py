"""What an operator does to a payment, and what becomes of its order: a whole shop, by HTTP."""

from __future__ import annotations

import asyncio
import re
from uuid import uuid4

import pytest
from journeys.client import Shopper
from stocking import admin_of, stock_up, visitor_of

from stoa.audit.audit import audit

SKU = "MONEY-BACK"
STOCK = 1000


@pytest.fixture(scope="module")
async def visitor(shop) -> Shopper:
    await stock_up(shop, SKU, price=10000, on_hand=STOCK)
    return visitor_of(shop)


@pytest.fixture(scope="module")
async def admin(shop, visitor: Shopper) -> Shopper:
    return await admin_of(shop)


@pytest.fixture
async def ada(visitor: Shopper) -> Shopper:
    return await visitor.register()


async def bought(ada: Shopper, units: int = 2) -> dict:
    """Two of them: 20000, sent free, and 4000 of tax, 24000 in all."""
    await ada.fill_cart(**{SKU: units})
    return await ada.buy()


async def ship(admin: Shopper, order: dict):
    return await admin.send("POST", f"/orders/{order['id']}/ship", {"carrier": "DHL", "tracking_number": "1"})


async def refund(admin: Shopper, order: dict, amount: int | None):
    body = {"amount": {"amount": amount, "currency": "GBP"}} if amount is not None else {}
    return await admin.send("POST", f"/payments/{order['payment_id']}/refund", body, key=str(uuid4()))


async def must_be_sound(shop) -> None:
    await shop.settle()
    verdicts = await audit(shop.databases, looks=5, pause_seconds=0.2)
    assert not {verdict.invariant.number: verdict.findings for verdict in verdicts if verdict.findings}


def back(units: int) -> dict:
    return {"items": [{"sku": SKU, "quantity": units}], "reason": "not mine"}


async def test_a_return_pays_what_an_operator_has_left(shop, ada, admin):
    order = await bought(ada)
    assert order["total"]["amount"] == 24000
    assert (await refund(admin, order, 5000)).status == 200
    assert (await ship(admin, order)).status == 200
    made = await admin.ok("POST", f"/orders/{order['id']}/return", back(2), status=201)
    assert (made["status"], made["refund"]) == ("received", {"amount": 19000, "currency": "GBP"})
    payment = await admin.until(f"/payments/{order['payment_id']}", lambda body: body["state"] == "refunded")
    assert [(one["amount"]["amount"], one["state"]) for one in payment["refunds"]] == [(5000, "done"), (19000, "done")]
    whole = await ada.until(f"/orders/{order['id']}", lambda body: body["payment_status"] == "refunded")
    assert (whole["status"], whole["refunded"]["amount"]) == ("returned", 24000)
    await must_be_sound(shop)


async def test_two_returns_and_an_operator_between_them(shop, ada, admin):
    order = await bought(ada)
    assert (await ship(admin, order)).status == 200
    first = await admin.ok("POST", f"/orders/{order['id']}/return", back(1), status=201)
    assert (await refund(admin, order, 5000)).status == 200
    second = await admin.ok("POST", f"/orders/{order['id']}/return", back(1), status=201)
    assert [one["refund"]["amount"] for one in (first, second)] == [12000, 7000]
    await admin.until(f"/payments/{order['payment_id']}", lambda body: body["refunded"]["amount"] == 24000)
    await must_be_sound(shop)


async def test_returns_and_an_operator_at_once_never_give_back_more_than_was_paid(shop, ada, admin):
    order = await bought(ada, 4)
    assert (order["total"]["amount"], (await ship(admin, order)).status) == (48000, 200)
    answers = await asyncio.gather(
        *(admin.send("POST", f"/orders/{order['id']}/return", back(1)) for _ in range(4)),
        *(refund(admin, order, 9000) for _ in range(4)),
    )
    assert [answer.status for answer in answers[:4]] == [201] * 4
    assert {answer.status for answer in answers[4:]} <= {200, 409}
    await admin.until(f"/payments/{order['payment_id']}", lambda body: body["refunded"]["amount"] == 48000)
    await ada.until(f"/orders/{order['id']}", lambda body: body["payment_status"] == "refunded")
    await must_be_sound(shop)


async def test_a_canceled_order_gives_back_the_rest(shop, ada, admin):
    order = await bought(ada)
    assert (await refund(admin, order, 5000)).status == 200
    await ada.ok("POST", f"/orders/{order['id']}/cancel", {"reason": "no"})
    payment = await admin.until(f"/payments/{order['payment_id']}", lambda body: body["state"] == "refunded")
    assert [one["amount"]["amount"] for one in payment["refunds"]] == [5000, 19000]
    await must_be_sound(shop)


@pytest.mark.parametrize("act", ["void", "refund"])
async def test_what_is_not_paid_is_not_shipped(shop, ada, admin, act):
    order = await bought(ada)
    if act == "void":
        await admin.ok("POST", f"/payments/{order['payment_id']}/void", {"reason": "fraud"})
    else:
        assert (await refund(admin, order, None)).status == 200
    refused = await ship(admin, order)
    assert (refused.status, refused.problem) == (409, "order-not-paid")
    seen = await ada.until(f"/orders/{order['id']}", lambda body: body["payment_status"] == "refunded")
    assert (seen["status"], seen["tracking"], seen["refunded"]["amount"]) == ("confirmed", None, 24000)
    await admin.ok("POST", f"/orders/{order['id']}/cancel", {"reason": "fraud"})
    await must_be_sound(shop)


async def test_a_return_after_all_was_given_back_gives_nothing_back(shop, ada, admin):
    order = await bought(ada)
    assert (await ship(admin, order)).status == 200
    assert (await refund(admin, order, None)).status == 200
    made = await admin.ok("POST", f"/orders/{order['id']}/return", back(2), status=201)
    assert made["refund"] == {"amount": 0, "currency": "GBP"}
    await must_be_sound(shop)
    payment = await admin.ok("GET", f"/payments/{order['payment_id']}")
    assert [one["amount"]["amount"] for one in payment["refunds"]] == [24000]


async def void(admin: Shopper, order: dict):
    return await admin.send("POST", f"/payments/{order['payment_id']}/void", {"reason": "fraud"})


async def test_a_shipped_order_is_refunded_and_not_voided(shop, ada, admin):
    order = await bought(ada)
    assert (await ship(admin, order)).status == 200
    late = await void(admin, order)
    assert (late.status, late.problem) == (409, "payment-kept")
    payment = await admin.ok("GET", f"/payments/{order['payment_id']}")
    assert (payment["state"], payment["refunds"], payment["kept_at"] is None) == ("captured", [], False)
    assert (await refund(admin, order, None)).status == 200
    await must_be_sound(shop)


async def test_of_a_void_and_a_shipping_at_once_one_succeeds(shop, ada, admin):
    """Whichever payment's row saw first."""
    orders = [await bought(ada, 1) for _ in range(50)]
    for number, order in enumerate(orders):
        acts = [ship(admin, order), void(admin, order)][:: 1 if number % 2 else -1]
        shipped, voided = (await asyncio.gather(*acts))[:: 1 if number % 2 else -1]
        assert sorted([shipped.status, voided.status]) == [200, 409]
        refused = shipped if shipped.status == 409 else voided
        assert refused.problem == ("order-not-paid" if refused is shipped else "payment-kept")
    await must_be_sound(shop)


def sums(text: str) -> list[int]:
    """The amounts of money that a text names, in pence."""
    return [int(pounds.replace(",", "").replace(".", "")) for pounds in re.findall(r"£([0-9,]+\.[0-9]{2})", text)]


async def told(admin: Shopper, order: dict) -> dict[str, list[int]]:
    """What the mails about an order name in money, by template."""
    found: dict[str, list[int]] = {}
    for each in (await admin.ok("GET", f"/notifications?order_id={order['id']}"))["items"]:
        mail = await admin.ok("GET", f"/notifications/{each['id']}")
        assert sums(mail["text"]) == sums(mail["html"])
        found.setdefault(mail["template"], []).extend(sums(mail["text"]))
    return found


@pytest.mark.parametrize("act", ["return", "cancel"])
async def test_the_buyer_is_told_what_was_really_given(shop, ada, admin, act):
    """However a refund by hand meets a return, or a cancellation that has not heard of it."""
    orders = [await bought(ada) for _ in range(20)]
    for number, order in enumerate(orders):
        path = f"/orders/{order['id']}"
        if act == "return":
            assert (await ship(admin, order)).status == 200
            other = admin.send("POST", f"{path}/return", back(2))
        else:
            other = ada.send("POST", f"{path}/cancel", {"reason": "no"})
        by_hand, done = await asyncio.gather(refund(admin, order, (5000, 24000)[number % 2]), other)
        assert done.status in {200, 201}
        assert by_hand.status in {200, 409}
    await must_be_sound(shop)
    for order in orders:
        payment = await admin.ok("GET", f"/payments/{order['payment_id']}")
        given = [each["amount"]["amount"] for each in payment["refunds"]]
        mails = await told(admin, order)
        assert sorted(mails["refund_issued"]) == sorted(given)
        assert sum(given) == 24000
        assert mails["order_returned" if act == "return" else "order_canceled"] == []
        seen = await ada.ok("GET", f"/orders/{order['id']}")
        assert (seen["payment_status"], seen["refunded"]["amount"]) == ("refunded", 24000)
        for one in (await ada.ok("GET", f"/orders/{order['id']}/returns"))["items"]:
            of_it = [each["amount"]["amount"] for each in payment["refunds"] if each["source"] == one["id"]]
            assert one["refund"]["amount"] == sum(of_it)


async def test_a_buyers_return_moves_nothing_before_the_goods_are_here(shop, ada, admin):
    stock = (await admin.ok("GET", f"/inventory/{SKU}"))["on_hand"]
    order = await bought(ada)
    assert (await ship(admin, order)).status == 200
    await shop.settle()
    asked = await ada.ok("POST", f"/orders/{order['id']}/return", back(2), status=201)
    assert (asked["status"], asked["refund"]["amount"]) == ("requested", 0)
    one = f"/orders/{order['id']}/returns/{asked['id']}"
    await admin.ok("POST", f"{one}/approve")
    await shop.settle()
    assert (await admin.ok("GET", f"/inventory/{SKU}"))["on_hand"] == stock - 2
    assert (await admin.ok("GET", f"/payments/{order['payment_id']}"))["state"] == "captured"
    await admin.ok("POST", f"{one}/receive", {"items": [{"sku": SKU, "quantity": 2, "unfit": 1}]})
    await must_be_sound(shop)
    assert (await admin.ok("GET", f"/inventory/{SKU}"))["on_hand"] == stock - 1
    assert (await admin.ok("GET", f"/payments/{order['payment_id']}"))["refunded"]["amount"] == 24000
    mails = await admin.ok("GET", f"/notifications?order_id={order['id']}")
    assert sorted(mail["template"] for mail in mails["items"]) == [
        "order_confirmation",
        "order_returned",
        "order_shipped",
        "refund_issued",
        "return_approved",
        "return_requested",
    ]


async def test_units_are_called_off_and_then_the_rest(shop, ada, admin):
    """The money of each, and its goods, go back once."""
    before = (await admin.ok("GET", f"/inventory/{SKU}"))["on_hand"]
    order = await bought(ada, 3)
    await admin.until(f"/inventory/{SKU}", lambda body: body["on_hand"] == before - 3)
    path = f"/orders/{order['id']}"
    some = await ada.ok("POST", f"{path}/cancel", {"items": [{"sku": SKU, "quantity": 1}]})
    assert (some["status"], some["items"][0]["canceled_quantity"]) == ("confirmed", 1)
    await ada.until(
        path, lambda body: (body["payment_status"], body["refunded"]["amount"]) == ("partially_refunded", 12000)
    )
    await admin.until(f"/inventory/{SKU}", lambda body: body["on_hand"] == before - 2)
    await admin.until(
        f"/notifications?order_id={order['id']}",
        lambda mails: {"order_items_canceled", "refund_issued"} <= {mail["template"] for mail in mails["items"]},
    )
    await ada.ok("POST", f"{path}/cancel")
    await ada.until(path, lambda body: (body["status"], body["payment_status"]) == ("canceled", "refunded"))
    await admin.until(f"/inventory/{SKU}", lambda body: body["on_hand"] == before)
    await must_be_sound(shop)


async def test_a_part_is_sent_and_the_rest_called_off(shop, ada, admin):
    order = await bought(ada, 3)
    path = f"/orders/{order['id']}"
    parcel = {"carrier": "DHL", "tracking_number": "1", "items": [{"sku": SKU, "quantity": 2}]}
    await admin.ok("POST", f"{path}/ship", parcel)
    rest = await ada.ok("POST", f"{path}/cancel", {"reason": "enough"})
    assert (rest["status"], rest["fulfillment_status"]) == ("shipped", "shipped")
    await admin.ok("POST", f"{path}/return", back(1), status=201)
    await ada.until(
        path, lambda body: (body["payment_status"], body["refunded"]["amount"]) == ("partially_refunded", 24000)
    )
    await must_be_sound(shop)
