"""What a cart, a quote and an order ask is one price; where it changed between them, the order is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from listing import list_prices

from stoa.kit import clock
from stoa.testing import Rest, new_user

from .conftest import ADDRESS, House, Shopper
from .test_routes import order

QUOTE = {"shipping_method": "standard", "shipping_address": msgspec.to_builtins(ADDRESS)}


async def unit_prices(house: House, answer: Any) -> list[int]:
    return [line["unit_price"]["amount"] for line in answer["items"]]


async def test_a_list_that_ends_between_quote_and_order(house: House, rest: Rest, shopper: Shopper, monkeypatch: Any):
    ends_at = clock.now().replace(microsecond=0) + timedelta(hours=1)
    catalog = house.market.db("catalog")
    list_id = await list_prices(catalog, {shopper.sku: {1: 900}}, ends_at=ends_at)
    quoted = await rest.ok("POST", "/checkout/quote", QUOTE, user=shopper.user)
    assert (quoted["lines"][0]["unit_price"]["amount"], quoted["total"]["amount"]) == (900, 2754)
    # As if that hour had passed.
    await catalog.execute("UPDATE price_lists SET ends_at = now() WHERE id = $1", list_id)
    body = order(expected_total=quoted["total"])
    refused = await rest.send("POST", "/orders", body, user=shopper.user, key="k")
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "price-changed", "expected_total")
    assert refused.body["total"] == {"amount": 2994, "currency": "GBP"}
    assert await house.market.stock(shopper.sku) == (10, 0)
    assert await house.market.in_cart(shopper.cart_id) == {shopper.sku: 2}
    assert (await rest.send("POST", "/orders", body, user=shopper.user, key="k")).body == refused.body
    made = await rest.send("POST", "/orders", order(expected_total=refused.body["total"]), user=shopper.user, key="l")
    assert (made.status, await unit_prices(house, made.body)) == (201, [1000])


@pytest.mark.parametrize(("groups", "amount"), [({"trade"}, 800), ({"club"}, 1000)])
async def test_quote_and_order_ask_by_quantity_and_group(house: House, rest: Rest, shopper: Shopper, groups, amount):
    await list_prices(house.market.db("catalog"), {shopper.sku: {1: 950, 2: 800, 3: 700}}, group="trade")
    user = replace(shopper.user, groups=frozenset(groups))
    quoted = await rest.ok("POST", "/checkout/quote", QUOTE, user=user)
    made = await rest.send("POST", "/orders", order(expected_total=quoted["total"]), user=user, key="k")
    assert (made.status, made.body["total"], await unit_prices(house, made.body)) == (201, quoted["total"], [amount])


async def test_a_country_is_where_the_order_goes(house: House, rest: Rest, shopper: Shopper):
    await list_prices(house.market.db("catalog"), {shopper.sku: {1: 900}}, countries=["FR"])
    here, there = msgspec.to_builtins(ADDRESS), msgspec.to_builtins(ADDRESS) | {"country": "FR", "postal_code": "75001"}
    for address, amount in ((here, 1000), (there, 900)):
        quoted = await rest.ok("POST", "/checkout/quote", QUOTE | {"shipping_address": address}, user=shopper.user)
        assert quoted["lines"][0]["unit_price"]["amount"] == amount
    body = order(shipping_address=there, expected_total=quoted["total"])
    made = await rest.send("POST", "/orders", body, user=shopper.user, key="k")
    assert (made.status, await unit_prices(house, made.body)) == (201, [900])


async def test_a_guest_is_in_no_group(house: House, rest: Rest, shopper: Shopper):
    await list_prices(house.market.db("catalog"), {shopper.sku: {1: 1}}, group="trade")
    cart_id = await house.market.fill(None, **{shopper.sku: 1})
    body = QUOTE | {"cart_id": cart_id}
    assert (await rest.ok("POST", "/checkout/quote", body))["lines"][0]["unit_price"]["amount"] == 1000
    trader = replace(new_user(), groups=frozenset({"trade"}))
    assert (await rest.ok("POST", "/checkout/quote", body, user=trader))["lines"][0]["unit_price"]["amount"] == 1
