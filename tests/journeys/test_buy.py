"""From an empty cart to an order that is paid, in stock and announced by mail."""

import asyncio
from typing import Any

from journeys.client import ADDRESS, Shopper, card


async def test_a_first_order_from_registration_to_the_mail(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=1999, on_hand=10)
    ada = await visitor.register()

    product = await visitor.ok("GET", f"/products/{sku.lower()}")
    assert product["variants"][0]["price"] == {"amount": 1999, "currency": "GBP"}

    cart = await ada.fill_cart(**{sku: 2})
    assert cart["subtotal"] == {"amount": 3998, "currency": "GBP"}

    quote = await ada.ok("POST", "/checkout/quote", {"shipping_method": "standard", "shipping_address": ADDRESS})
    order = await ada.buy()
    assert order["status"] == "confirmed"
    assert order["payment_status"] == "paid"
    assert order["total"] == quote["total"]
    parts = {name: order[name]["amount"] for name in ("subtotal", "discount", "shipping", "tax", "total")}
    assert parts["subtotal"] == 3998
    assert parts["total"] == parts["subtotal"] - parts["discount"] + parts["shipping"] + parts["tax"]

    assert (await ada.ok("GET", "/cart/me"))["items"] == []
    stock = await admin.until(f"/inventory/{sku}", lambda body: body["on_hand"] == 8)
    assert (stock["reserved"], stock["available"]) == (0, 8)
    mails = await admin.until(f"/notifications?order_id={order['id']}", lambda body: len(body["items"]) == 1)
    assert mails["items"][0]["recipient"] == ada.user["email"]
    assert order["number"] in mails["items"][0]["subject"]
    assert [one["id"] for one in (await ada.ok("GET", "/orders"))["items"]] == [order["id"]]


async def test_a_guest_buys_with_an_email_address_and_no_account(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=500, on_hand=3)
    cart = await visitor.ok("POST", "/cart", status=201)
    await visitor.ok("POST", f"/cart/{cart['id']}/items", {"sku": sku, "quantity": 1}, status=201)
    order = await visitor.buy(cart_id=cart["id"], email="guest@example.com", shipping_method="express")
    assert order["status"] == "confirmed"
    mails = await admin.until(f"/notifications?order_id={order['id']}", lambda body: len(body["items"]) == 1)
    assert mails["items"][0]["recipient"] == "guest@example.com"


async def test_a_guests_first_order_is_two_calls(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=500, on_hand=3)
    said = {"email": "guest@example.com", "shipping_address": ADDRESS, "billing_address": None}
    cart = await visitor.ok("POST", "/cart", {"items": [{"sku": sku, "quantity": 2}], **said}, status=201)
    body = {"cart_id": cart["id"], "shipping_method": "express", "payment": card()}
    order = await visitor.ok("POST", "/orders", body, key="my-first", status=201)
    assert (order["status"], order["email"], order["items"][0]["quantity"]) == ("confirmed", "guest@example.com", 2)
    assert order["shipping_address"] == order["billing_address"]
    assert order["shipping_address"]["line1"] == ADDRESS["line1"]
    await admin.until(f"/notifications?order_id={order['id']}", lambda body: len(body["items"]) == 1)


async def test_a_guests_cart_comes_along_at_sign_in(visitor: Shopper, new_product):
    sku = await new_product(price=500, on_hand=30)
    cart = await visitor.ok("POST", "/cart", status=201)
    await visitor.ok("POST", f"/cart/{cart['id']}/items", {"sku": sku, "quantity": 2}, status=201)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 1})
    merged = await ada.ok("POST", "/cart/me/merge", {"cart_id": cart["id"]})
    assert [(item["sku"], item["quantity"]) for item in merged["items"]] == [(sku, 3)]
    again = await ada.ok("POST", "/cart/me/merge", {"cart_id": cart["id"]})
    assert [(item["sku"], item["quantity"]) for item in again["items"]] == [(sku, 3)]


async def test_two_tabs_with_one_key_make_one_order(visitor: Shopper, new_product):
    sku = await new_product(price=500, on_hand=30)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 1})
    body = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card()}
    answers = await asyncio.gather(*(ada.send("POST", "/orders", body, key="one-and-the-same") for _ in range(8)))
    made = {answer.body["id"] for answer in answers if answer.status == 201}
    assert len(made) == 1
    assert {answer.status for answer in answers} <= {201, 409}
    assert len((await ada.ok("GET", "/orders"))["items"]) == 1
    other = await ada.refused("POST", "/orders", body | {"shipping_method": "express"}, key="one-and-the-same")
    assert (other.status, other.problem) == (422, "idempotency-key-reused")


async def test_two_tabs_with_keys_of_their_own_buy_one_cart_once(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=500, on_hand=30)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 1})
    body = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card()}
    answers = await asyncio.gather(*(ada.send("POST", "/orders", body) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    refused = {answer.problem for answer in answers if answer.status == 409}
    assert refused <= {"cart-being-bought", "cart-empty"}
    assert [sum(item["quantity"] for item in one["items"]) for one in await _orders(ada)] == [1]
    assert (await ada.ok("GET", "/cart/me"))["items"] == []
    await admin.until(f"/inventory/{sku}", lambda stock: (stock["on_hand"], stock["reserved"]) == (29, 0))


async def test_what_is_added_while_it_is_ordered_is_what_stays(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=500, on_hand=30)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 1})
    order, _ = await asyncio.gather(
        ada.buy(), ada.ok("POST", "/cart/me/items", {"sku": sku, "quantity": 2}, status=201)
    )
    # Added before the cart was read they are bought as well, after it they are left: never lost, never sold twice.
    bought = sum(item["quantity"] for item in order["items"])
    left = sum(item["quantity"] for item in (await ada.ok("GET", "/cart/me"))["items"])
    assert (bought, left) in {(1, 2), (3, 0)}
    await admin.until(f"/inventory/{sku}", lambda stock: (stock["on_hand"], stock["reserved"]) == (30 - bought, 0))


async def _orders(shopper: Shopper) -> list[Any]:
    """Mine, each with its items."""
    listed = (await shopper.ok("GET", "/orders"))["items"]
    return [await shopper.ok("GET", f"/orders/{one['id']}") for one in listed]


async def test_a_declined_card_leaves_cart_and_stock_as_they_were(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=500, on_hand=5)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 2})
    body = {"shipping_address": ADDRESS, "shipping_method": "standard"}
    for token, kind in (("tok_declined", "payment-declined"), ("tok_insufficient_funds", "insufficient-funds")):
        answer = await ada.refused("POST", "/orders", body | {"payment": card(token)})
        assert (answer.status, answer.problem) == (402, kind)
    await admin.until(f"/inventory/{sku}", lambda stock: (stock["on_hand"], stock["reserved"]) == (5, 0))
    assert [item["quantity"] for item in (await ada.ok("GET", "/cart/me"))["items"]] == [2]
    assert (await ada.ok("GET", "/orders"))["items"] == []


async def test_a_payment_that_times_out_is_resolved_not_guessed(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=500, on_hand=50)

    async def outcome() -> int:
        ada = await visitor.register()
        await ada.fill_cart(**{sku: 1})
        body = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card("tok_timeout")}
        answer = await ada.send("POST", "/orders", body)
        while answer.status == 202:
            answer = await ada.send("POST", "/orders", body, key=answer.headers["Idempotency-Key"])
        orders = (await ada.ok("GET", "/orders"))["items"]
        if answer.status == 201:
            assert [order["payment_status"] for order in orders] == ["paid"]
        else:
            assert (answer.status, answer.problem) == (402, "payment-timed-out")
            assert orders == []
        return int(answer.status)

    assert set(await asyncio.gather(*(outcome() for _ in range(4)))) <= {201, 402}


async def test_a_webhook_that_comes_twice_pays_once(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=500, on_hand=5)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 1})
    order = await ada.buy(token="tok_duplicate_webhook")
    payment = await admin.ok("GET", f"/payments/{order['payment_id']}")
    assert payment["state"] == "captured"
    assert payment["amount"] == order["total"]


async def test_the_last_unit_is_sold_once(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=500, on_hand=1)
    shoppers = await asyncio.gather(*(visitor.register() for _ in range(6)))
    for shopper in shoppers:
        await shopper.fill_cart(**{sku: 1})
    body = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card()}
    answers = await asyncio.gather(*(shopper.send("POST", "/orders", body) for shopper in shoppers))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert {answer.problem for answer in answers if answer.status == 409} == {"out-of-stock"}
    await admin.until(f"/inventory/{sku}", lambda stock: (stock["on_hand"], stock["reserved"]) == (0, 0))
