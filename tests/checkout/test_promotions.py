"""What campaigns take off: quoted, ordered as it was quoted, counted once; and refused with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from checkout.conftest import ADDRESS, BROKEN, LOST, REFUSED, UNHEARD, House, Market, NewHouse, NewShopper, Shopper

from stoa.kit.ids import uuid7
from stoa.services.checkout.states import State
from stoa.testing import Rest, new_user

STANDARD = {"shipping_method": "standard"}


def gbp(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "GBP"}


def order(**changes: Any) -> dict[str, Any]:
    payment = {"method": "card", "token": "tok_ok"}
    return STANDARD | {"shipping_address": msgspec.to_builtins(ADDRESS), "payment": payment} | changes


async def its_own(shopper: Shopper, *codes: str, **said: Any) -> str:
    """A campaign for nobody else."""
    return await shopper.market.run(*codes, selection={"skus": [shopper.sku]}, **said)


async def test_an_order_costs_what_was_quoted_and_each_line_what_was_said(rest: Rest, shopper: Shopper):
    other = await shopper.market.offer(price=333)
    await shopper.market.fill(shopper.user.id, cart_id=shopper.cart_id, **{shopper.sku: 2, other: 3})
    code = f"TEN-{uuid7()}".upper()
    campaign = await its_own(shopper, code)
    wish = STANDARD | {"coupon_codes": [code.lower()]}
    quoted = await rest.ok("POST", "/checkout/quote", wish, user=shopper.user)
    assert {line["sku"]: line["discount"] for line in quoted["lines"]} == {shopper.sku: gbp(200), other: gbp(0)}
    assert (quoted["subtotal"], quoted["discount"]) == (gbp(2999), gbp(200))
    [applied] = quoted["promotions"]["applied"]
    assert (applied["campaign_id"], applied["code"], applied["amount"]) == (campaign, code, gbp(200))
    assert applied["lines"] == [{"sku": shopper.sku, "amount": gbp(200)}]
    assert quoted["promotions"]["not_applied"] == []
    [how] = [one["how"] for one in quoted["trace"] if one["figure"] == "discount"]
    assert how == f"{applied['name']} ({code}): 10 % of 20.00 GBP"
    assert await shopper.market.redeemed(campaign) == (0, 0)
    made = await rest.ok(
        "POST",
        "/orders",
        order(coupon_codes=[code], expected_total=quoted["total"]),
        user=shopper.user,
        key="k",
        status=201,
    )
    assert {item["sku"]: item["discount"] for item in made["items"]} == {shopper.sku: gbp(200), other: gbp(0)}
    assert (made["discount"], made["total"]) == (gbp(200), quoted["total"])
    assert await shopper.market.redeemed(campaign) == (1, 200)
    again = await rest.send(
        "POST", "/orders", order(coupon_codes=[code], expected_total=quoted["total"]), user=shopper.user, key="k"
    )
    assert (again.status, again.body) == (201, made)
    assert await shopper.market.redeemed(campaign) == (1, 200)


async def test_a_code_that_does_not_apply_is_told_in_a_quote_and_refused_in_an_order(
    house: House, rest: Rest, shopper: Shopper
):
    code = f"MUCH-{uuid7()}".upper()
    await its_own(shopper, code, conditions={"least_subtotal": [gbp(2500)]})
    quoted = await rest.ok("POST", "/checkout/quote", STANDARD | {"coupon_codes": [code, "NONE"]}, user=shopper.user)
    told = [(one["code"], one["reason"], one["missing"]) for one in quoted["promotions"]["not_applied"]]
    assert told == [("NONE", "unknown-code", None), (code, "subtotal-too-low", gbp(500))]
    [how] = [one["how"] for one in quoted["trace"] if one["figure"] == "discount"]
    said = ["There is no such code.", "5.00 GBP more of what it is for would do."]
    assert how == f"none applies; NONE does not apply: {said[0]}; {code} does not apply: {said[1]}"
    refused = await rest.send("POST", "/orders", order(coupon_codes=[code]), user=shopper.user, key="k")
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "coupon-not-applicable", "coupon_codes")
    assert (refused.body["code"], refused.body["reason"], refused.body["missing"]) == (
        code,
        "subtotal-too-low",
        gbp(500),
    )
    unknown = await rest.send("POST", "/orders", order(coupon_codes=["NONE"]), user=shopper.user, key="l")
    assert (unknown.status, unknown.problem) == (422, "unknown-coupon")
    assert (unknown.body["field"], unknown.body["code"]) == ("coupon_codes", "NONE")
    again = await rest.send("POST", "/orders", order(coupon_codes=[code]), user=shopper.user, key="k")
    assert again.body == refused.body
    assert await house.market.stock(shopper.sku) == (10, 0)
    assert await house.market.in_cart(shopper.cart_id) == {shopper.sku: 2}


async def test_what_applies_of_itself_needs_no_code_and_little_that_is_missing_is_told(rest: Rest, shopper: Shopper):
    await its_own(shopper, name=f"Off {shopper.sku}")
    await its_own(shopper, name=f"More {shopper.sku}", conditions={"least_quantity": 3})
    quoted = await rest.ok("POST", "/checkout/quote", STANDARD, user=shopper.user)
    assert quoted["discount"] == gbp(200)
    [hint] = quoted["promotions"]["not_applied"]
    assert (hint["name"], hint["code"], hint["missing_quantity"]) == (f"More {shopper.sku}", None, 1)


async def test_free_shipping_is_noted_with_what_it_would_have_cost(rest: Rest, shopper: Shopper):
    free = {"kind": "free_shipping", "methods": ["standard"]}
    campaign = await its_own(shopper, name=f"Free {shopper.sku}", effects=[free])
    quoted = await rest.ok("POST", "/checkout/quote", STANDARD, user=shopper.user)
    assert (quoted["shipping"], quoted["tax"], quoted["total"]) == (gbp(0), gbp(400), gbp(2400))
    [how] = [one["how"] for one in quoted["trace"] if one["figure"] == "shipping"]
    assert how == f"standard, free by Free {shopper.sku}"
    express = await rest.ok("POST", "/checkout/quote", {"shipping_method": "express"}, user=shopper.user)
    assert express["shipping"] == gbp(995)
    await rest.ok("POST", "/orders", order(), user=shopper.user, key="k", status=201)
    row = await shopper.market.db("campaign").fetchrow(
        "SELECT amount_minor, shipping_minor FROM redemptions WHERE campaign_id = $1", campaign
    )
    assert tuple(row) == (0, 495)


@pytest.mark.parametrize("kind", ["categories", "collections", "brands"])
async def test_campaigns_see_what_a_product_is_of(market: Market, rest: Rest, shopper: Shopper, kind: str):
    product = await market.db("catalog").fetchrow(
        "SELECT product_id, category_id FROM variants JOIN products ON products.id = product_id WHERE sku = $1",
        shopper.sku,
    )
    ids = {"categories": product["category_id"], "collections": uuid7(), "brands": uuid7()}
    if kind == "categories":
        parent = uuid7()
        await market.db("catalog").execute(
            "INSERT INTO categories (id, slug, name) VALUES ($1, $2, 'Above')", parent, f"c-{parent}"
        )
        child = uuid7()
        await market.db("catalog").execute(
            "INSERT INTO categories (id, slug, name, parent_id) VALUES ($1, $2, 'Below', $3)",
            child,
            f"c-{child}",
            parent,
        )
        await market.db("catalog").execute(
            "UPDATE products SET category_id = $2 WHERE id = $1", product["product_id"], child
        )
        ids["categories"] = parent
    if kind == "brands":
        await market.db("catalog").execute(
            "INSERT INTO brands (id, slug, name) VALUES ($1, $2, $2)", ids[kind], f"b-{ids[kind]}"
        )
        await market.db("catalog").execute(
            "INSERT INTO brand_names (name, brand_id) VALUES ($1, $2)", f"b-{ids[kind]}", ids[kind]
        )
        await market.db("catalog").execute(
            "UPDATE products SET brand = $2 WHERE id = $1", product["product_id"], f"b-{ids[kind]}"
        )
    if kind == "collections":
        await market.db("catalog").execute(IN_A_COLLECTION, ids[kind], f"c-{ids[kind]}", product["product_id"])
    await market.run(name=f"Of {kind} {shopper.sku}", selection={kind: [ids[kind]]})
    quoted = await rest.ok("POST", "/checkout/quote", STANDARD, user=shopper.user)
    assert [one["name"] for one in quoted["promotions"]["applied"]] == [f"Of {kind} {shopper.sku}"]


IN_A_COLLECTION = """
    WITH made AS (
        INSERT INTO collections (id, slug, name, description, sort, published, looks_at)
        VALUES ($1, $2, $2, '', 'newest', false, '{}')
    )
    INSERT INTO collection_products (collection_id, product_id, standing, price_minor, name)
    VALUES ($1, $3, 'active', 1, 'x')
"""


async def test_a_first_order_is_one(rest: Rest, shopper: Shopper):
    code = f"FIRST-{uuid7()}".upper()
    await its_own(shopper, code, conditions={"first_order": True})
    wish = STANDARD | {"coupon_codes": [code]}
    assert (await rest.ok("POST", "/checkout/quote", wish, user=shopper.user))["discount"] == gbp(200)
    await rest.ok("POST", "/orders", order(), user=shopper.user, key="k", status=201)
    await shopper.market.fill(shopper.user.id, cart_id=shopper.cart_id, **{shopper.sku: 1})
    quoted = await rest.ok("POST", "/checkout/quote", wish, user=shopper.user)
    assert [one["reason"] for one in quoted["promotions"]["not_applied"]] == ["not-first-order"]


async def test_the_last_use_goes_to_one_of_two_at_the_same_moment(house: House, rest: Rest, new_shopper: NewShopper):
    code = f"ONCE-{uuid7()}".upper()
    shoppers = [await new_shopper() for _ in range(2)]
    campaign = await house.market.run(code, selection={"skus": [one.sku for one in shoppers]}, limits={"most_uses": 1})
    answers = await asyncio.gather(
        *(rest.send("POST", "/orders", order(coupon_codes=[code]), user=one.user, key="k") for one in shoppers)
    )
    assert sorted(one.status for one in answers) == [201, 409]
    [refused] = [one for one in answers if one.status == 409]
    assert refused.problem in {"campaign-used-up", "coupon-not-applicable"}
    assert await house.market.redeemed(campaign) == (1, 200)
    [left] = [one for one, answer in zip(shoppers, answers, strict=True) if answer.status == 409]
    assert await house.market.stock(left.sku) == (10, 0)


async def test_what_nothing_comes_off_asks_once_and_counts_nothing(house: House, shopper: Shopper):
    await house.buy(shopper.user)
    assert "RedeemMany" not in house.road.taken
    assert house.road.taken.count("EvaluateMany") == 1


@pytest.mark.parametrize("fate", [LOST, UNHEARD, BROKEN])
async def test_a_redemption_that_goes_wrong_is_repeated_and_counts_once(house: House, promoted: Shopper, fate: str):
    house.road.fates["RedeemMany"].extend([fate, fate])
    placed = await house.buy(promoted.user)
    assert house.road.taken.count("RedeemMany") == 3
    await promoted.assert_order_stands(await house.ended(placed.checkout_id))


async def test_a_refused_redemption_leaves_nothing(house: House, promoted: Shopper):
    house.road.fates["RedeemMany"].append(REFUSED)
    placed = await house.buy(promoted.user)
    assert placed.answer is not None
    assert placed.answer.status == 409
    row = await house.row(placed.checkout_id)
    assert row.state is State.FAILED
    await promoted.assert_nothing_is_left(row)


@pytest.mark.parametrize("token", ["tok_declined", "tok_capture_refused"])
async def test_what_is_refused_later_gives_its_use_back(house: House, promoted: Shopper, token: str):
    placed = await house.buy(promoted.user, token=token)
    assert placed.answer is not None
    assert placed.answer.status == 402
    await promoted.assert_nothing_is_left(await house.row(placed.checkout_id))
    again = await house.buy(promoted.user)
    await promoted.assert_order_stands(await house.row(again.checkout_id))


async def test_a_silent_campaign_is_no_price(new_house: NewHouse, promoted: Shopper):
    """Neither one without what comes off, nor an order of it."""
    house = await new_house(give_up_after_seconds=0.2)
    house.road.closed.add("RedeemMany")
    placed = await house.buy(promoted.user, key="k")
    assert placed.answer is not None
    assert placed.answer.status == 503
    await promoted.assert_nothing_is_left(await house.row(placed.checkout_id))
    house.road.closed.clear()
    again = await house.buy(promoted.user, key="k")
    await promoted.assert_order_stands(await house.row(again.checkout_id))


async def test_a_quote_without_campaign_is_unavailable(house: House, rest: Rest, shopper: Shopper):
    house.road.closed.add("EvaluateMany")
    answer = await rest.send("POST", "/checkout/quote", STANDARD, user=shopper.user)
    assert answer.status == 503


async def test_a_wave_asks_once(house: House, new_shopper: NewShopper):
    shoppers: Sequence[Shopper] = [await new_shopper() for _ in range(8)]
    campaign = await house.market.run(selection={"skus": [one.sku for one in shoppers]})
    await asyncio.gather(*(house.buy(one.user) for one in shoppers))
    assert await house.market.redeemed(campaign) == (8, 1600)
    assert house.road.taken.count("EvaluateMany") <= 2
    assert house.road.taken.count("RedeemMany") <= 2


async def test_the_methods_cost_what_a_quote_says_with_the_same_codes(rest: Rest, shopper: Shopper):
    code = f"HALF-{uuid7()}".upper()
    await its_own(shopper, code)
    wish = {"coupon_codes": [code], "shipping_address": msgspec.to_builtins(ADDRESS)}
    listed = (await rest.ok("POST", "/checkout/shipping-methods", wish, user=shopper.user))["items"]
    for method in listed:
        body = wish | {"shipping_method": method["code"]}
        quoted = await rest.ok("POST", "/checkout/quote", body, user=shopper.user)
        assert quoted["shipping"] == method["cost"]
    staff = new_user("admin")
    tiers = [{"price": gbp(500)}, {"price": gbp(100), "from_subtotal": 2000}]
    parcel = {"code": "parcel", "name": "Parcel", "prices": tiers, "min_days": 1, "max_days": 1}
    zone = {"name": "UK", "places": [{"country": "GB"}], "methods": [parcel]}
    await rest.ok("POST", "/shipping/zones", zone, status=201, user=staff)
    costs = []
    for codes in ([], [code]):
        body = wish | {"coupon_codes": codes}
        (method,) = (await rest.ok("POST", "/checkout/shipping-methods", body, user=shopper.user))["items"]
        costs.append(method["cost"])
    assert costs == [gbp(100), gbp(500)], "of 20.00 less a tenth the tier from 20.00 is not reached"
