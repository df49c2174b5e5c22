"""What SKUs cost, read beside the products: another read for each market."""

from __future__ import annotations

import pytest

from .conftest import ADMIN, pounds


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
    assert (shown["sku"], shown["price"]) == ("MUG-0", None)


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
