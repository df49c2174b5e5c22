"""A cart shows what its checkout will ask: by the line's quantity, the caller's groups and where the goods go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from listing import list_prices

from stoa.kit.db import Database
from stoa.services.catalog.variants_repository import VARIANTS_FOR_SALE
from stoa.testing import new_user

from .conftest import Shop

ADA = new_user()
TRADER = replace(new_user(), groups=frozenset({"trade"}))
TO_FRANCE = {"name": "Ada", "line1": "1 Rue", "city": "Paris", "country": "FR"}


@pytest.fixture
async def mugs(shop: Shop) -> Shop:
    await shop.sell("MUG", price=500, on_hand=100)
    await shop.sell("SPOON", price=100, on_hand=100)
    return shop


def seen(cart: Any) -> list[tuple[int | None, int | None, int | None]]:
    """Of each line what one costs, its own price where that is higher, and what all of it costs."""
    return [
        tuple(figure and figure["amount"] for figure in (item["unit_price"], item["compare_at"], item["subtotal"]))
        for item in cart["items"]
    ]


async def test_a_line_has_the_price_of_its_quantity(mugs: Shop):
    await list_prices(mugs.catalog_db, {"MUG": {3: 450, 10: 300}})
    add, three = {"sku": "MUG", "quantity": 2}, {"quantity": 3}
    cart = await mugs.rest.ok("POST", "/cart/me/items", add, user=ADA, status=201)
    assert seen(cart) == [(500, None, 1000)]
    cart = await mugs.rest.ok("POST", "/cart/me/items", add, user=ADA, status=201)
    assert (seen(cart), cart["subtotal"]["amount"]) == ([(450, 500, 1800)], 1800)
    assert await mugs.rest.ok("GET", "/cart/me", user=ADA) == cart
    assert seen(await mugs.rest.ok("PUT", "/cart/me/items/MUG", three, user=ADA)) == [(450, 500, 1350)]
    body = {"items": [{"sku": "SPOON", "quantity": 1}, {"sku": "MUG", "quantity": 10}]}
    assert seen(await mugs.rest.ok("PUT", "/cart/me/items", body, user=ADA)) == [(300, 500, 3000), (100, None, 100)]


async def test_a_price_of_a_group_is_for_whoever_is_in_it(mugs: Shop):
    await list_prices(mugs.catalog_db, {"MUG": {1: 400}}, group="trade")
    body = {"items": [{"sku": "MUG", "quantity": 1}]}
    guests = await mugs.rest.ok("POST", "/cart", body, status=201)
    assert seen(guests) == [(500, None, 500)]
    assert seen(await mugs.rest.ok("POST", "/cart", body, status=201, user=TRADER)) == [(400, 500, 400)]
    # One cart, seen by both.
    assert seen(await mugs.rest.ok("GET", f"/cart/{guests['id']}", user=TRADER)) == [(400, 500, 400)]
    assert seen(await mugs.rest.ok("GET", f"/cart/{guests['id']}")) == [(500, None, 500)]
    merged = await mugs.rest.ok("POST", "/cart/me/merge", {"cart_id": guests["id"]}, user=TRADER)
    assert seen(merged) == [(400, 500, 800)]
    assert seen(await mugs.rest.ok("DELETE", "/cart/me/items/SPOON", user=TRADER)) == [(400, 500, 800)]


async def test_a_price_is_for_where_the_goods_go(mugs: Shop):
    await list_prices(mugs.catalog_db, {"MUG": {1: 520}}, countries=["FR"])
    said = {"items": [{"sku": "MUG", "quantity": 1}], "shipping_address": TO_FRANCE}
    cart = await mugs.rest.ok("POST", "/cart", said, status=201)
    assert seen(cart) == [(520, None, 520)]
    assert await mugs.rest.ok("GET", f"/cart/{cart['id']}") == cart


async def test_catalog_is_asked_again_only_where_another_quantity_may_cost_something_else(mugs: Shop, monkeypatch: Any):
    asked: list[str] = []
    fetch = Database.fetch

    async def noted(db: Database, sql: str, *arguments: Any) -> Any:
        asked.append(sql)
        return await fetch(db, sql, *arguments)

    monkeypatch.setattr(Database, "fetch", noted)
    await list_prices(mugs.catalog_db, {"SPOON": {3: 1}})
    times = {}
    for sku in ("MUG", "SPOON"):
        for nth in (1, 2):
            asked.clear()
            await mugs.rest.ok("POST", "/cart/me/items", {"sku": sku, "quantity": 1}, user=ADA, status=201)
            times[sku, nth] = asked.count(VARIANTS_FOR_SALE)
    # With a spoon the mug that is in the cart is asked for, too.
    assert times == {("MUG", 1): 1, ("MUG", 2): 1, ("SPOON", 1): 2, ("SPOON", 2): 2}
