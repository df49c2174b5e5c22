"""Quoting and ordering over REST: what is refused names its field and changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from checkout.conftest import ADDRESS, BROKEN, House, NewHouse, Shopper

from stoa.contracts.checkout.v1.checkout_pb2 import GetCheckoutRequest
from stoa.kit import staff_acts
from stoa.kit.ids import uuid7
from stoa.services.cart.document import Contact
from stoa.services.checkout.errors import NoSuchCheckout
from stoa.services.checkout.routes import routes
from stoa.services.checkout.rpc import CheckoutServicer
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")


def order(**changes: Any) -> dict[str, Any]:
    given = {
        "shipping_address": msgspec.to_builtins(ADDRESS),
        "shipping_method": "standard",
        "payment": {"method": "card", "token": "tok_ok"},
    }
    return given | changes


async def nothing_happened(house: House, shopper: Shopper) -> None:
    assert await house.db.fetchval("SELECT count(*) FROM checkouts") == 0
    assert await house.market.stock(shopper.sku) == (10, 0)
    assert await house.market.in_cart(shopper.cart_id) == {shopper.sku: 2}


async def test_a_quote_is_what_the_order_then_costs(house: House, rest: Rest, shopper: Shopper):
    quoted = await rest.ok("POST", "/checkout/quote", {"shipping_method": "standard"}, user=shopper.user)
    assert {name: quoted[name]["amount"] for name in ("subtotal", "discount", "shipping", "tax", "total")} == {
        "subtotal": 2000,
        "discount": 0,
        "shipping": 495,
        "tax": 499,
        "total": 2994,
    }
    assert [(line["sku"], line["quantity"], line["subtotal"]["amount"]) for line in quoted["lines"]] == [
        (shopper.sku, 2, 2000)
    ]
    assert [entry["figure"] for entry in quoted["trace"]] == ["subtotal", "discount", "shipping", "tax", "total"]
    await nothing_happened(house, shopper)
    made = await rest.send("POST", "/orders", order(expected_total=quoted["total"]), user=shopper.user, key="k")
    assert (made.status, made.body["total"]) == (201, quoted["total"])
    assert made.headers["location"] == f"/api/v1/orders/{made.body['id']}"
    assert made.body["email"] == shopper.user.email
    assert made.body["shipping_address"]["postal_code"] == "SW1Y 4JH"
    again = await rest.send("POST", "/orders", order(expected_total=quoted["total"]), user=shopper.user, key="k")
    assert (again.status, again.body) == (201, made.body)
    assert (again.headers["idempotent-replay"], again.headers["location"]) == ("true", made.headers["location"])


async def test_a_price_that_changed_since_the_quote(house: House, rest: Rest, shopper: Shopper):
    await house.market.reprice(shopper.sku, 1100)
    seen = {"amount": 2994, "currency": "GBP"}
    refused = await rest.send("POST", "/orders", order(expected_total=seen), user=shopper.user, key="k")
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "price-changed", "expected_total")
    assert refused.body["total"] == {"amount": 3234, "currency": "GBP"}
    assert await house.market.stock(shopper.sku) == (10, 0)
    made = await rest.send("POST", "/orders", order(expected_total=refused.body["total"]), user=shopper.user, key="k2")
    assert made.status == 201


async def test_a_guest_buys_with_cart_and_email(house: House, rest: Rest, shopper: Shopper):
    cart_id = await house.market.fill(None, **{shopper.sku: 1})
    quoted = await rest.ok("POST", "/checkout/quote", {"cart_id": cart_id, "shipping_method": "express"})
    body = order(cart_id=cart_id, email="guest@example.com", shipping_method="express")
    made = await rest.send("POST", "/orders", body, key="k")
    assert (made.status, made.body["total"], made.body["email"]) == (201, quoted["total"], "guest@example.com")
    again = await rest.send("POST", "/orders", body, key="k")
    assert again.body == made.body
    assert await house.market.in_cart(cart_id) == {}
    other = await house.market.fill(None, **{shopper.sku: 1})
    body = order(cart_id=other, email="Ｇuest@MÜNCHEN.de", shipping_method="express")
    assert (await rest.send("POST", "/orders", body, key="l")).body["email"] == "guest@münchen.de"
    checkout_id = await house.db.fetchval("SELECT id FROM checkouts")
    assert (await rest.send("GET", f"/checkouts/{checkout_id}")).status == 401
    assert (await rest.send("GET", f"/checkouts/{checkout_id}", user=new_user())).status == 404


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"shipping_method": "drone"}, 422, "shipping_method"),
        ({"coupon_codes": ["x" * 65]}, 422, "coupon_codes[0]"),
        ({"coupon_codes": ["x"] * 21}, 422, "coupon_codes"),
        ({"payment": {"method": "cash", "token": "tok_ok"}}, 422, "payment.method"),
        ({"payment": {"method": "card"}}, 422, "payment.token"),
        ({"payment": {"method": "card", "token": "x" * 201}}, 422, "payment.token"),
        ({"shipping_address": {"name": "A"}}, 422, "shipping_address.line1"),
        ({"email": "nobody"}, 422, "email"),
        ({"email": "a\u200bda@example.com"}, 422, "email"),
        ({"email": "ada\ufe0f@example.com"}, 422, "email"),
        ({"email": "\u202eada@example.com"}, 422, "email"),
        (
            {"shipping_address": msgspec.to_builtins(ADDRESS) | {"name": "Ada\r\nBcc: eve@example.com"}},
            422,
            "shipping_address.name",
        ),
        ({"shipping_address": msgspec.to_builtins(ADDRESS) | {"line2": "12\u202e St"}}, 422, "shipping_address.line2"),
        ({"billing_address": msgspec.to_builtins(ADDRESS) | {"city": "Lon\u200bdon"}}, 422, "billing_address.city"),
        ({"cart_id": "mine"}, 422, "cart_id"),
        ({"total": 1}, 422, "total"),
        ({"price": 1}, 422, "price"),
        ({"items": []}, 422, "items"),
        ({"user_id": uuid7()}, 422, "user_id"),
        ({"expected_total": {"amount": -1, "currency": "GBP"}}, 422, "expected_total.amount"),
        ({"expected_total": 2994}, 422, "expected_total"),
    ],
)
async def test_bad_input_names_its_field(house: House, rest: Rest, shopper: Shopper, changes, status, field):
    answer = await rest.send("POST", "/orders", order(**changes), user=shopper.user, key="k")
    assert (answer.status, answer.body["field"]) == (status, field)
    await nothing_happened(house, shopper)


async def test_a_first_order_is_two_calls(house: House, rest: Rest, shopper: Shopper):
    address, other = msgspec.to_builtins(ADDRESS), msgspec.to_builtins(ADDRESS) | {"line1": "1 New Road"}
    said = Contact("guest@example.com", address, other)
    cart_id = await house.market.fill(None, said, **{shopper.sku: 1})
    body = order(cart_id=cart_id, shipping_method="standard")
    del body["shipping_address"]
    quoted = await rest.ok("POST", "/checkout/quote", {"cart_id": cart_id, "shipping_method": "standard"})
    made = await rest.send("POST", "/orders", body, key="k")
    assert (made.status, made.body["email"], made.body["total"]) == (201, "guest@example.com", quoted["total"])
    assert (made.body["shipping_address"], made.body["billing_address"]) == (address, other)
    assert (await rest.send("POST", "/orders", body, key="k")).body == made.body
    # It went with the round that was bought.
    await house.market.fill(None, cart_id=cart_id, **{shopper.sku: 1})
    again = await rest.send("POST", "/orders", body, key="l")
    assert (again.status, again.problem, again.body["field"]) == (422, "email-missing", "email")
    again = await rest.send("POST", "/orders", body | {"email": "guest@example.com"}, key="m")
    assert (again.status, again.problem, again.body["field"]) == (422, "shipping-address-missing", "shipping_address")


async def test_what_the_order_says_counts_before_the_cart(house: House, rest: Rest, shopper: Shopper):
    address, other = msgspec.to_builtins(ADDRESS), msgspec.to_builtins(ADDRESS) | {"line1": "1 New Road"}
    cart_id = await house.market.fill(None, Contact("guest@example.com", other, other), **{shopper.sku: 1})
    body = order(cart_id=cart_id, shipping_address=address, email="other@example.com")
    made = await rest.send("POST", "/orders", body, key="k")
    assert (made.status, made.body["email"]) == (201, "other@example.com")
    assert made.body["shipping_address"] == made.body["billing_address"] == address


async def test_a_missing_key_and_a_guest_who_says_too_little(house: House, rest: Rest, shopper: Shopper):
    without = await rest.send("POST", "/orders", order(), user=shopper.user)
    assert (without.status, without.problem, without.body["field"]) == (
        400,
        "idempotency-key-required",
        "Idempotency-Key",
    )
    no_cart = await rest.send("POST", "/orders", order(email="guest@example.com"), key="k")
    assert (no_cart.status, no_cart.body["field"]) == (422, "cart_id")
    no_quote = await rest.send("POST", "/checkout/quote", {"shipping_method": "standard"})
    assert (no_quote.status, no_quote.body["field"]) == (422, "cart_id")
    await nothing_happened(house, shopper)


async def test_an_empty_a_foreign_and_an_unknown_cart(house: House, rest: Rest, shopper: Shopper):
    eve = new_user()
    empty = await rest.send("POST", "/orders", order(), user=eve, key="k1")
    assert (empty.status, empty.problem) == (409, "cart-empty")
    for body, user in ((order(cart_id=shopper.cart_id), eve), (order(cart_id=uuid7()), eve)):
        foreign = await rest.send("POST", "/orders", body, user=user, key=uuid7())
        assert (foreign.status, foreign.problem) == (404, "cart-not-found")
    as_guest = order(cart_id=shopper.cart_id, email="eve@example.com")
    assert (await rest.send("POST", "/orders", as_guest, key="k")).status == 404
    quote = {"cart_id": shopper.cart_id, "shipping_method": "standard"}
    assert (await rest.send("POST", "/checkout/quote", quote, user=eve)).status == 404
    assert await house.market.in_cart(shopper.cart_id) == {shopper.sku: 2}
    assert await house.market.stock(shopper.sku) == (10, 0)


async def test_what_is_no_longer_for_sale(house: House, rest: Rest, shopper: Shopper):
    await house.market.db("catalog").execute("UPDATE variants SET archived_at = now() WHERE sku = $1", shopper.sku)
    refused = await rest.send("POST", "/orders", order(), user=shopper.user, key="k")
    assert (refused.status, refused.problem, refused.body["skus"]) == (409, "not-for-sale", [shopper.sku])


async def test_prices_in_another_currency(house: House, rest: Rest, shopper: Shopper):
    await house.market.db("catalog").execute("UPDATE variants SET currency = 'EUR' WHERE sku = $1", shopper.sku)
    refused = await rest.send("POST", "/orders", order(), user=shopper.user, key="k")
    assert (refused.status, refused.problem, refused.body["sku"]) == (409, "other-currency", shopper.sku)


async def test_other_figures_under_the_same_key(rest: Rest, shopper: Shopper):
    first = await rest.send("POST", "/orders", order(), user=shopper.user, key="k")
    other = await rest.send("POST", "/orders", order(shipping_method="express"), user=shopper.user, key="k")
    assert (first.status, other.status, other.problem) == (201, 422, "idempotency-key-reused")


@pytest.mark.parametrize(("token", "status"), [("tok_declined", 402), ("tok_ok", 409)])
async def test_a_kept_refusal_names_the_request_that_was_refused(
    house: House, rest: Rest, shopper: Shopper, token: str, status: int
):
    price = {"amount": 1, "currency": "GBP"} if status == 409 else None
    wish = order(payment={"method": "card", "token": token}, expected_total=price)
    first = await rest.send("POST", "/orders", wish, user=shopper.user, key="k")
    again = await rest.send("POST", "/orders", wish, user=shopper.user, key="k")
    assert (first.status, again.status, again.headers["idempotent-replay"]) == (status, status, "true")
    assert first.body["request_id"] == first.headers["x-request-id"]
    assert again.body == first.body
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    (checkout,) = await house.db.fetch("SELECT id FROM checkouts")
    await shopper.assert_nothing_is_left(await house.row(str(checkout["id"])))


async def test_how_a_checkout_is_followed(house: House, rest: Rest, shopper: Shopper):
    made = await rest.send("POST", "/orders", order(), user=shopper.user, key="k")
    checkout_id = str(await house.db.fetchval("SELECT id FROM checkouts"))
    seen = await rest.ok("GET", f"/checkouts/{checkout_id}", user=shopper.user)
    assert {name: seen[name] for name in ("id", "order_id", "state", "step", "attempts", "error", "answer_status")} == {
        "id": checkout_id,
        "order_id": made.body["id"],
        "state": "completed",
        "step": "clear_cart",
        "attempts": 1,
        "error": None,
        "answer_status": 201,
    }
    assert seen["total"] == made.body["total"]
    assert "token" not in str(seen)
    assert await rest.ok("GET", f"/checkouts/{checkout_id}", user=ADMIN) == seen
    assert (await rest.send("GET", f"/checkouts/{checkout_id}", user=new_user())).status == 404
    assert (await rest.send("GET", f"/checkouts/{uuid7()}", user=ADMIN)).status == 404
    assert (await rest.send("GET", "/checkouts", user=shopper.user)).status == 403
    assert (await rest.send("POST", f"/checkouts/{checkout_id}/retry", user=shopper.user)).status == 403
    again = await rest.send("POST", f"/checkouts/{checkout_id}/retry", user=ADMIN)
    assert (again.status, again.problem) == (409, "checkout-state")
    assert await staff_acts.list_acts(house.db, subject=checkout_id, limit=9) == []
    servicer = CheckoutServicer(house.checkouts)
    told = await servicer.GetCheckout(GetCheckoutRequest(checkout_id=checkout_id), None)
    assert (told.state, told.step, told.order_id) == ("completed", "clear_cart", made.body["id"])
    for unknown in (uuid7(), "", "'; DROP TABLE checkouts"):
        with pytest.raises(NoSuchCheckout):
            await servicer.GetCheckout(GetCheckoutRequest(checkout_id=unknown), None)


async def test_what_needs_attention_is_in_sight_and_redriven(new_house: NewHouse, shopper: Shopper):
    house = await new_house(attention_after_seconds=0.1, answer_within_seconds=0.5)
    rest = Rest(routes.bind(house.checkouts), house.db)
    house.road.closed.add("ConfirmMany")
    pending = await rest.send("POST", "/orders", order(), user=shopper.user, key="k")
    assert (pending.status, pending.headers["idempotency-key"]) == (202, "k")
    checkout_id = pending.body["id"]
    assert pending.headers["location"] == f"/api/v1/checkouts/{checkout_id}"
    await house.ended(checkout_id)
    listed = await rest.ok("GET", "/checkouts?state=needs_attention", user=ADMIN)
    assert [(one["id"], one["step"]) for one in listed["items"]] == [(checkout_id, "confirm_order")]
    assert "ConfirmMany was lost" in listed["items"][0]["error"]
    house.road.closed.clear()
    redriven = await rest.send("POST", f"/checkouts/{checkout_id}/retry", user=ADMIN)
    assert (redriven.status, redriven.body["state"]) == (202, "running")
    (act,) = await staff_acts.list_acts(house.db, limit=9)
    assert (act.actor, act.act, act.subject, act.before, act.after) == (
        ADMIN.id,
        "checkout.retried",
        checkout_id,
        {"state": "needs_attention"},
        {"state": "running"},
    )
    await shopper.assert_order_stands(await house.ended(checkout_id))
    made = await rest.send("POST", "/orders", order(), user=shopper.user, key="k")
    assert (made.status, made.headers["idempotent-replay"]) == (201, "true")
    assert (await rest.ok("GET", "/checkouts?state=needs_attention", user=ADMIN))["items"] == []


async def test_a_list_in_pages(house: House, rest: Rest, shopper: Shopper):
    for number in range(5):
        await rest.send("POST", "/orders", order(), user=shopper.user, key=f"k{number}")
    seen: list[str] = []
    path = "/checkouts?limit=2"
    while path:
        page = await rest.ok("GET", path, user=ADMIN)
        seen += [one["id"] for one in page["items"]]
        path = f"/checkouts?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert len(seen) == len(set(seen)) == 5
    assert (await rest.send("GET", "/checkouts?state=lost", user=ADMIN)).body["field"] == "state"


async def test_a_fault_of_a_neighbor_tells_nothing_about_its_inside(new_house: NewHouse, shopper: Shopper):
    house = await new_house(give_up_after_seconds=0.1)
    rest = Rest(routes.bind(house.checkouts), house.db)
    house.road.fates["ReserveMany"].extend([BROKEN] * 50)
    answer = await rest.send("POST", "/orders", order(), user=shopper.user, key="k")
    assert (answer.status, answer.problem, answer.body["step"]) == (503, "checkout-given-up", "reserve_stock")
    assert "broken" not in str(answer.body)


async def test_hostile_text_is_text(house: House, rest: Rest, shopper: Shopper):
    hostile = "Robert'); DROP TABLE checkouts;-- <script>alert(1)</script>"
    address = msgspec.to_builtins(ADDRESS) | {"name": hostile, "line2": hostile}
    made = await rest.send("POST", "/orders", order(shipping_address=address), user=shopper.user, key="k';--")
    assert (made.status, made.body["shipping_address"]["name"]) == (201, hostile)
    assert await house.db.fetchval("SELECT count(*) FROM checkouts") == 1


async def test_a_flood_of_one_key_over_rest(house: House, rest: Rest, shopper: Shopper):
    answers = await asyncio.gather(
        *(rest.send("POST", "/orders", order(), user=shopper.user, key="k") for _ in range(8))
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
