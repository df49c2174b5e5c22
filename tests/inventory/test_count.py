"""Counting the shelf and opening stock."""

from __future__ import annotations

import asyncio

import pytest

from stoa.services.inventory.count import import_stock, set_on_hand
from stoa.services.inventory.errors import BelowReserved, NoSuchWarehouse, NotYourStock

SELLER = "018f0000-0000-7000-8000-00000000000b"
OTHER_SELLER = "018f0000-0000-7000-8000-00000000000c"


async def count_as_seller(shop, sku, on_hand, user_id=SELLER):
    await set_on_hand(shop.inventory, sku, on_hand, warehouse_id="main", reason="", user_id=user_id, seller=True)


async def test_a_count_books_the_difference(shop):
    for on_hand in (10, 14, 14, 9):
        await shop.put("A", on_hand)
    assert await shop.movements("A") == [("opening", 10), ("receipt", 4), ("adjustment", -5)]
    assert await shop.stock("A") == (9, 0)
    assert await shop.announced() == [("inventory.back_in_stock", "A", 1, 10)]


async def test_counting_down_to_nothing_and_up_again_is_announced(shop):
    for on_hand in (0, 3, 0, 2):
        await shop.put("A", on_hand)
    assert await shop.announced() == [
        ("inventory.back_in_stock", "A", 1, 3),
        ("inventory.sold_out", "A", 2, 0),
        ("inventory.back_in_stock", "A", 3, 2),
    ]
    assert await shop.movements("A") == [("receipt", 3), ("adjustment", -3), ("receipt", 2)]


async def test_less_than_what_is_promised_is_refused(shop):
    await shop.put("A", 10)
    await shop.reserve("k", A=4)
    with pytest.raises(BelowReserved) as refused:
        await shop.put("A", 3)
    assert (refused.value.status, refused.value.field, refused.value.members) == (409, "on_hand", {"reserved": 4})
    assert await shop.stock("A") == (10, 4)
    assert await shop.movements("A") == [("opening", 10)]
    await shop.put("A", 4)
    assert (await shop.announced())[-1] == ("inventory.sold_out", "A", 3, 0)


async def test_an_unknown_warehouse_leaves_no_trace(shop):
    with pytest.raises(NoSuchWarehouse):
        await shop.put("A", 3, "moon")
    assert await shop.db.fetchval("SELECT count(*) FROM items") == 0


async def test_a_seller_keeps_what_he_opened_and_nothing_else(shop):
    await shop.put("SHOPS", 5)
    await count_as_seller(shop, "HIS", 3)
    await count_as_seller(shop, "HIS", 4)
    for sku, user_id in (("SHOPS", SELLER), ("HIS", OTHER_SELLER)):
        with pytest.raises(NotYourStock):
            await count_as_seller(shop, sku, 0, user_id)
    await shop.put("HIS", 6)
    assert (await shop.stock("SHOPS"), await shop.stock("HIS")) == ((5, 0), (6, 0))


async def test_import_opens_what_is_new_and_leaves_the_rest(shop):
    await shop.put("A", 3)
    assert await import_stock(shop.inventory, {"A": 9, "B": 5, "C": 0}) == 2
    assert await import_stock(shop.inventory, {"A": 9, "B": 5, "C": 0}) == 0
    assert [await shop.stock(sku) for sku in "ABC"] == [(3, 0), (5, 0), (0, 0)]
    assert await shop.movements("B") == [("opening", 5)]
    assert await shop.movements("C") == []
    assert (await shop.announced())[1:] == [("inventory.back_in_stock", "B", 1, 5)]
    await shop.assert_sound()


async def test_two_imports_at_once_open_each_sku_once(shop, twin):
    other = twin()
    lines = {f"S{at}": 2 for at in range(200)}
    backwards = dict(reversed(lines.items()))
    added = await asyncio.gather(import_stock(shop.inventory, lines), import_stock(other.inventory, backwards))
    assert sum(added) == 200
    assert await shop.db.fetchval("SELECT sum(on_hand) FROM stock") == 400
    await shop.assert_sound()


async def test_two_first_counts_at_once_are_one_opening(shop, twin):
    other = twin()
    await asyncio.gather(shop.put("A", 5), other.put("A", 5))
    assert await shop.movements("A") == [("opening", 5)]
    assert len(await shop.announced()) == 1
