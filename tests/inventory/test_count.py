"""Counting the shelf and opening stock."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit import context, staff_acts
from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.kit.permissions import ALL
from stoa.services.inventory.count import import_stock
from stoa.services.inventory.errors import BelowReserved, NoSuchWarehouse

from .conftest import ADMIN


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


async def test_what_staff_count_is_kept_with_who_did(shop):
    admin = Principal(ADMIN, "ada@example.com", frozenset({"admin"}), uuid7(), ALL)
    with context.using(context.fresh(principal=admin)):
        for on_hand in (5, 3, 3):
            await shop.put("A", on_hand)
    acts = await staff_acts.list_acts(shop.db, subject="A", limit=10)
    assert [(act.act, act.actor, act.before, act.after) for act in acts] == [
        ("stock.counted", ADMIN, {"warehouse": "main", "on_hand": 5}, {"warehouse": "main", "on_hand": 3}),
        ("stock.counted", ADMIN, {"warehouse": "main", "on_hand": 0}, {"warehouse": "main", "on_hand": 5}),
    ]
