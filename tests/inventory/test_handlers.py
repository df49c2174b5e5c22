"""Orders placed, canceled and returned: once, and in either order of arrival."""

from __future__ import annotations

import itertools
import logging

import pytest

from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.release import release
from stoa.services.inventory.states import State

ORDER = "018f0000-0000-7000-8000-000000000001"
OTHER_ORDER = "018f0000-0000-7000-8000-000000000002"
RETURN = "018f0000-0000-7000-8000-000000000011"
SECOND_RETURN = "018f0000-0000-7000-8000-000000000012"
ITEMS = [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 1}]


async def promised(shop):
    await shop.put("A", 5)
    await shop.put("B", 1)
    await shop.reserve("k", A=3, B=1)
    await shop.allocate("k", ORDER)


async def place(shop, order_id=ORDER):
    await shop.hear("order.placed", order_id=order_id, items=ITEMS, email="ada@example.com", total={"amount": 1})


async def cancel(shop, order_id=ORDER):
    await shop.hear("order.canceled", order_id=order_id, reason="changed my mind")


async def give_back(shop, return_id=RETURN, **lines):
    items = [{"sku": sku, "quantity": units} for sku, units in lines.items()]
    await shop.hear("order.returned", order_id=ORDER, return_id=return_id, items=items)


async def test_a_placed_order_leaves_the_shelf_once(shop):
    await promised(shop)
    announced = await shop.announced()
    for _ in range(2):
        await place(shop)
        assert (await shop.stock("A"), await shop.stock("B")) == ((2, 0), (0, 0))
    assert await shop.movements("A") == [("opening", 5), ("sale", -3)]
    row = await shop.db.fetchrow("SELECT order_id, user_id FROM stock_movements WHERE kind = 'sale' AND sku = 'A'")
    assert (row["order_id"], row["user_id"]) == (ORDER, None)
    assert (await shop.reservation("k")).state is State.COMMITTED
    assert await shop.announced() == announced, "what is available has not changed"
    assert await shop.discrepancies() == []
    await shop.assert_sound()


async def test_a_hold_that_nobody_allocated_is_sold_too(shop):
    await shop.put("A", 5)
    await shop.put("B", 1)
    await shop.reserve("k", A=3, B=1)
    await place(shop)
    assert (await shop.reservation("k")).order_id == ORDER
    assert await shop.stock("A") == (2, 0)
    await shop.assert_sound()


async def test_canceled_after_placed_puts_the_sale_back_once(shop):
    await promised(shop)
    await place(shop)
    for _ in range(2):
        await cancel(shop)
        assert (await shop.stock("A"), await shop.stock("B")) == ((5, 0), (1, 0))
    assert await shop.movements("A") == [("opening", 5), ("sale", -3), ("return", 3)]
    assert (await shop.announced())[-1][:2] == ("inventory.back_in_stock", "B")
    await place(shop)
    assert await shop.stock("A") == (5, 0)
    assert await shop.discrepancies() == []
    await shop.assert_sound()


async def test_canceled_before_placed_releases_and_the_late_placed_changes_nothing(shop):
    await promised(shop)
    await cancel(shop)
    assert (await shop.reservation("k")).state is State.RELEASED
    await place(shop)
    await cancel(shop)
    assert (await shop.stock("A"), await shop.stock("B")) == ((5, 0), (1, 0))
    assert await shop.movements("A") == [("opening", 5)]
    assert await shop.discrepancies() == []
    await shop.assert_sound()


@pytest.mark.parametrize("gone", ["expired", "released", "unknown", "another's"])
async def test_a_sale_whose_reservation_is_gone_is_noted_and_not_lost(shop, gone, caplog):
    await shop.put("A", 5)
    await shop.put("B", 1)
    if gone != "unknown":
        await shop.reserve("k", A=3, B=1, hold_seconds=-1)
    if gone == "expired":
        await expire_holds(shop.inventory)
    if gone == "released":
        await release(shop.inventory, "k")
    if gone == "another's":
        await shop.allocate("k", OTHER_ORDER)
    before = await shop.stock("A")
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            await place(shop)
    assert "S-1 is placed but" in caplog.text
    assert await shop.discrepancies() == [("sold_unreserved", {"A": 3, "B": 1}, False)]
    assert await shop.stock("A") == before
    assert await shop.movements("A") == [("opening", 5)]
    await cancel(shop)
    assert await shop.discrepancies() == [("sold_unreserved", {"A": 3, "B": 1}, True)]
    assert await shop.stock("A") == before
    await shop.assert_sound()


async def test_a_canceled_order_without_a_reservation_is_no_discrepancy_when_placed_comes_late(shop):
    await cancel(shop)
    await place(shop)
    assert await shop.discrepancies() == []


async def test_returns_go_back_once_each(shop):
    await promised(shop)
    await place(shop)
    for _ in range(2):
        await give_back(shop, A=1, B=1)
        assert (await shop.stock("A"), await shop.stock("B")) == ((3, 0), (1, 0))
    await give_back(shop, SECOND_RETURN, A=2)
    assert await shop.stock("A") == (5, 0)
    assert await shop.movements("A") == [("opening", 5), ("sale", -3), ("return", 1), ("return", 2)]
    assert (await shop.announced())[-1][:2] == ("inventory.back_in_stock", "B")
    assert await shop.discrepancies() == []
    await shop.assert_sound()


async def test_no_more_comes_back_than_was_sold(shop):
    await promised(shop)
    await place(shop)
    await give_back(shop, A=2)
    await give_back(shop, SECOND_RETURN, A=2, C=1)
    assert await shop.stock("A") == (5, 0)
    assert await shop.discrepancies() == [("returned_unsold", {"A": 1, "C": 1}, False)]
    await shop.assert_sound()


async def test_what_came_back_unfit_is_not_sold_again(shop):
    await promised(shop)
    await place(shop)
    items = [{"sku": "A", "quantity": 3, "restock": 1}, {"sku": "B", "quantity": 1, "restock": 0}]
    for _ in range(2):
        await shop.hear("order.returned", order_id=ORDER, return_id=RETURN, items=items)
    assert (await shop.stock("A"), await shop.stock("B")) == ((3, 0), (0, 0))
    assert await shop.movements("A") == [("opening", 5), ("sale", -3), ("return", 1)]
    assert await shop.movements("B") == [("opening", 1), ("sale", -1)]
    only_scrap = [{"sku": "A", "quantity": 1, "restock": 0}]
    await shop.hear("order.returned", order_id=ORDER, return_id=SECOND_RETURN, items=only_scrap)
    assert await shop.stock("A") == (3, 0)
    assert await shop.discrepancies() == []
    await shop.assert_sound()


async def test_a_return_that_overtakes_placed_sells_first(shop):
    await promised(shop)
    await give_back(shop, A=3)
    assert await shop.movements("A") == [("opening", 5), ("sale", -3), ("return", 3)]
    await place(shop)
    assert (await shop.stock("A"), await shop.stock("B")) == ((5, 0), (0, 0))
    assert await shop.discrepancies() == []
    await shop.assert_sound()


async def test_canceling_after_a_partial_return_puts_back_the_rest(shop):
    await promised(shop)
    await place(shop)
    await give_back(shop, A=1)
    await cancel(shop)
    assert (await shop.stock("A"), await shop.stock("B")) == ((5, 0), (1, 0))
    await shop.assert_sound()


@pytest.mark.parametrize("order", sorted(set(itertools.permutations("ppcc"))), ids="".join)
async def test_every_order_of_arrival_ends_the_same(shop, order):
    await promised(shop)
    for letter in order:
        await {"p": place, "c": cancel}[letter](shop)
        await shop.assert_sound()
    assert (await shop.stock("A"), await shop.stock("B")) == ((5, 0), (1, 0))
    assert (await shop.reservation("k")).state is State.RELEASED
    assert await shop.discrepancies() == []
