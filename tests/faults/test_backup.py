"""A backup while orders are under way: restored elsewhere, each ends in exactly one state."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from faults.installation import Installation
from journeys.client import card

TOKENS = ["tok_ok"] * 10 + ["tok_declined", "tok_capture_refused"]
POINTS = [
    "checkout:after:reserve_stock",
    "checkout:after:authorize_payment",
    "checkout:before:capture_payment",
    "checkout:after:capture_payment",
    "checkout:after:confirm_order",
]


async def test_taken_from_a_shop_that_sells(shop: Installation, tmp_path: Path):
    await shop.start(faults="latency=1.0:0.05")  # so that many orders are under way at any moment
    sku = await shop.new_product(on_hand=1000)
    orders: list[tuple[dict[str, Any], str]] = []
    statuses: list[int] = []
    selling, taken = asyncio.Event(), asyncio.Event()

    async def buy_again_and_again(token: str) -> None:
        while not taken.is_set():
            body, key = await shop.guest_with(sku) | {"payment": card(token)}, str(uuid4())
            answer = await shop.order_until_answered(body, key)
            orders.append((body, key))
            statuses.append(answer.status)
            if len(orders) > len(TOKENS):
                selling.set()

    shoppers = [asyncio.create_task(buy_again_and_again(token)) for token in TOKENS]
    async with asyncio.timeout(60):
        await selling.wait()
    await asyncio.to_thread(shop.command, "backup", tmp_path / "backup")
    taken.set()
    await asyncio.gather(*shoppers)
    # Nobody was turned away for its sake.
    expected = [201 if body["payment"]["token"] == "tok_ok" else 402 for body, _ in orders]
    assert statuses == expected
    await shop.must_be_sound()

    async with restored(shop, tmp_path) as copy:
        assert await copy.databases["checkout"].fetchval(UNDER_WAY) > 0
        await copy.start()
        # Of that moment the cart may be empty still, or not be there: then there was no order either.
        known = [await copy.databases["checkout"].fetchval(KNOWN, key) for _, key in orders]
        for (body, key), status, was_begun in zip(orders, expected, known, strict=True):
            if was_begun:
                assert (await copy.order_until_answered(body, key)).status == status
        bought = sum(was_begun and status == 201 for status, was_begun in zip(expected, known, strict=True))
        assert bought > 0
        assert await copy.stock(sku) == (1000 - bought, 0)
        # A number that a buyer has in a mail is no other's.
        here, there = [
            {row["number"]: row["id"] for row in await each.databases["order"].fetch(NUMBERS)} for each in (shop, copy)
        ]
        assert all(there[number] == here[number] for number in here.keys() & there.keys())
        await copy.must_be_sound()


NUMBERS = "SELECT number, id FROM orders"
KNOWN = "SELECT EXISTS (SELECT FROM checkouts WHERE key = $1)"
UNDER_WAY = "SELECT count(*) FROM checkouts WHERE state NOT IN ('completed', 'failed')"


def restored(shop: Installation, folder: Path) -> Installation:
    """Another installation, made from what `shop` has written into `folder/backup`."""
    copy = Installation(folder / "elsewhere")
    copy.data_dir.path.parent.mkdir()
    copy.command("restore", folder / "backup")
    return copy


@pytest.mark.parametrize("point", POINTS)
async def test_taken_where_an_order_was_cut_short(shop: Installation, tmp_path: Path, point: str):
    await shop.start(crash_at=point)
    sku = await shop.new_product(on_hand=5)
    body, key = await shop.guest_with(sku, 2), str(uuid4())
    assert await shop.order(body, key) is None
    await shop.died()
    shop.command("backup", tmp_path / "backup")

    async with restored(shop, tmp_path) as copy:
        assert await copy.databases["checkout"].fetchval(UNDER_WAY) == 1
        await copy.start()
        answer = await copy.order_until_answered(body, key)
        assert (answer.status, answer.body["status"], answer.body["payment_status"]) == (201, "confirmed", "paid")
        assert await copy.stock(sku) == (3, 0)
        await copy.must_be_sound()
    # What it was taken from ends its own.
    await shop.start()
    assert (await shop.order_until_answered(body, key)).status == 201
    await shop.must_be_sound()


async def test_taken_where_a_refusal_is_not_yet_written_down(shop: Installation, tmp_path: Path):
    """The bank has let go of the money, as payment knows and checkout does not: both shops say that of it."""
    await shop.start(crash_at="checkout:before:turn")
    sku = await shop.new_product(on_hand=5)
    body, key = await shop.guest_with(sku, 2) | {"payment": card("tok_capture_refused")}, str(uuid4())
    assert await shop.order(body, key) is None
    await shop.died()
    shop.command("backup", tmp_path / "backup")
    await shop.start()
    told = await shop.order_until_answered(body, key)
    assert (told.status, told.problem) == (402, "payment-declined")
    await shop.must_be_sound()

    async with restored(shop, tmp_path) as copy:
        assert await copy.databases["checkout"].fetchval(UNDER_WAY) == 1
        await copy.start()
        assert (await copy.order_until_answered(body, key)).body == told.body
        assert await copy.stock(sku) == (5, 0)
        await copy.must_be_sound()
