"""What SKUs cost, read beside the products: another read for each market."""

from __future__ import annotations

from dataclasses import replace

import pytest
from counting import Counting

from stoa.testing import Rest

from .conftest import ADMIN, CUSTOMER, pounds, routes
from .test_price_lists import make as make_list


async def test_prices_stand_in_the_order_in_which_they_are_asked_for(shop):
    mug = await shop.add("mug", 500, 700)
    await shop.add("draft", 1, status="draft")
    page = await shop.rest.ok("GET", "/prices?skus=MUG-1,DRAFT-0,NONE,MUG-0,MUG-1&country=GB&quantity=2&currency=GBP")
    first, second = mug["variants"]
    assert page == {
        "items": [
            {
                "sku": one["sku"],
                "variant_id": one["id"],
                "product_id": mug["id"],
                "price": one["price"],
                "compare_at": None,
                "price_list": None,
                "lowest_30_days": None,
                "tiers": [{"least_quantity": 1, "price": one["price"]}],
            }
            for one in (second, first)
        ],
        "next_cursor": None,
    }
    await shop.rest.ok("PUT", "/variants/MUG-0", {"price": pounds(450)}, user=ADMIN)
    (shown,) = (await shop.rest.ok("GET", "/prices?skus=MUG-0"))["items"]
    assert shown["price"] == pounds(450)


async def test_what_is_not_sold_in_a_currency_has_no_price(shop):
    await shop.add("mug", 500)
    (shown,) = (await shop.rest.ok("GET", "/prices?skus=MUG-0&currency=EUR"))["items"]
    assert (shown["sku"], shown["price"], shown["tiers"]) == ("MUG-0", None, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "skus"),
        ("skus=A,,B", "skus"),
        ("skus=" + ",".join(["A"] * 101), "skus"),
        ("skus=A&currency=euro", "currency"),
        ("skus=A&country=XX", "country"),
        ("skus=A&quantity=0", "quantity"),
    ],
)
async def test_what_is_refused(shop, query, field):
    answer = await shop.rest.send("GET", f"/prices?{query}")
    assert (answer.status, answer.body["field"]) == (422, field)
    assert "regex" not in answer.body["detail"]


async def test_tiers_are_shown_to_whom_they_are_for(shop):
    await shop.add("mug", 500, 700)
    trade = replace(CUSTOMER, groups=frozenset({"trade"}))
    await make_list(shop, "many", {"MUG-0": {10: 450, 100: 400}})
    await make_list(shop, "trade", {"MUG-0": {1: 480, 50: 300}}, customer_group="trade")
    await make_list(shop, "france", {"MUG-0": {3: 520}}, countries=["FR"], priority=10)
    await make_list(shop, "euro", {"MUG-1": {5: 600}}, currency="EUR")
    await make_list(shop, "over", {"MUG-0": {2: 1}}, status="draft")

    async def tiers(query="", user=None):
        page = await shop.rest.ok("GET", f"/prices?skus=MUG-0,MUG-1{query}", user=user)
        return [[(one["least_quantity"], one["price"]["amount"]) for one in each["tiers"]] for each in page["items"]]

    assert await tiers() == await tiers("&quantity=60") == [[(1, 500), (10, 450), (100, 400)], [(1, 700)]]
    assert await tiers(user=trade) == [[(1, 480), (10, 450), (50, 300)], [(1, 700)]]
    assert await tiers("&country=FR") == [[(1, 500), (3, 520)], [(1, 700)]]
    assert await tiers("&currency=EUR") == [[], [(5, 600)]]


async def test_tiers_cost_no_statement(shop):
    await shop.add("mug", 500, 700, 900)
    db = Counting(shop.db)
    rest = Rest(routes.bind(replace(shop.catalog, db=db)), db)
    await rest.ok("GET", "/prices?skus=MUG-0")
    before = len(await db.taken())
    await make_list(shop, "many", {f"MUG-{at}": {10: 450, 100: 400} for at in range(3)})
    await rest.ok("GET", "/prices?skus=MUG-0,MUG-1,MUG-2")
    assert len(await db.taken()) == before == 1
    await db.close()
