"""Somebody holds rows that one order needs: that order waits or is refused, and all others go on."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
from holding import held

from stoa.kit.db import LOCK_SECONDS
from stoa.testing import User, new_user

PROMPT_SECONDS = 4.0
"""A fraction of what a checkout may take before it gives up, and of how long the rows are held here."""

ITEMS = ("inventory", "SELECT FROM items WHERE sku = $1 FOR UPDATE")
STOCK = ("inventory", "SELECT FROM stock WHERE sku = $1 FOR UPDATE")


def dsn_of(house: Any, service: str) -> str:
    return str(house.db.dsn if service == "checkout" else house.market.db(service).dsn)


async def bought_by_others(house: Any, count: int = 6) -> None:
    """Others buy other things, two of them each the same: all of them get their orders, and promptly."""
    skus = [await house.market.offer() for _ in range(count // 2)] * 2
    buyers = [new_user() for _ in skus]
    for buyer, sku in zip(buyers, skus, strict=True):
        await house.market.fill(buyer.id, **{sku: 1})
    started = time.monotonic()
    placed = await asyncio.gather(*(house.buy(buyer) for buyer in buyers))
    took = time.monotonic() - started
    assert [each.answer and each.answer.status for each in placed] == [201] * count
    assert took < PROMPT_SECONDS


@pytest.mark.parametrize("rows", [ITEMS, STOCK], ids=["items", "stock"])
async def test_who_buys_other_things_does_not_wait_for_a_held_shelf(house, shopper, rows) -> None:
    service, statement = rows
    async with held(dsn_of(house, service), statement, shopper.sku):
        waiting = asyncio.create_task(house.buy(shopper.user))
        for _ in range(2):
            await bought_by_others(house)
        assert not waiting.done()
    placed = await waiting
    assert placed.answer.status == 201
    await shopper.assert_order_stands(await house.row(placed.checkout_id))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("rows", [ITEMS, STOCK], ids=["items", "stock"])
async def test_carts_that_hold_a_held_shelf_stop_nobody_who_buys_what_else_is_in_them(house, rows, count) -> None:
    service, statement = rows
    blocked = [await house.market.offer(on_hand=1000) for _ in range(count)]
    sound = [await house.market.offer(on_hand=1000) for _ in range(5)]
    mixed, others = [new_user() for _ in range(12)], [new_user() for _ in range(4)]
    for at, buyer in enumerate(mixed):
        of_all = {blocked[at % count]: 1} | dict.fromkeys(sound[at % 3 :][:3], 1)
        await house.market.fill(buyer.id, **of_all)
    took: list[float] = []

    async def buy_again_and_again(buyer: User) -> None:
        for at in range(6):
            await house.market.fill(buyer.id, **{sound[at % len(sound)]: 1})
            started = time.monotonic()
            placed = await house.buy(buyer)
            took.append(time.monotonic() - started)
            assert placed.answer.status == 201

    async with AsyncExitStack() as stack:
        for sku in blocked:
            await stack.enter_async_context(held(dsn_of(house, service), statement, sku))
        waiting = [asyncio.create_task(house.buy(buyer)) for buyer in mixed]
        await asyncio.gather(*map(buy_again_and_again, others))
        assert max(took) < 2 * LOCK_SECONDS, "an order waited, time after time, for a lock that it does not need"
        assert not any(each.done() for each in waiting)
    assert [placed.answer.status for placed in await asyncio.gather(*waiting)] == [201] * len(mixed)


async def test_an_order_that_waits_in_vain_is_refused_and_leaves_nothing(new_house, market) -> None:
    house = await new_house(give_up_after_seconds=2.0)
    user, sku = new_user(), await market.offer()
    cart_id = await market.fill(user.id, **{sku: 2})
    async with held(dsn_of(house, "inventory"), ITEMS[1], sku):
        placed = await house.buy(user)
        assert placed.answer.status == 503
        assert b'"type":"/problems/checkout-given-up"' in placed.answer.body
    checkout = await house.ended(placed.checkout_id)
    assert checkout.state == "failed"
    assert await market.stock(sku) == (10, 0)
    assert await market.in_cart(cart_id) == {sku: 2}
    assert (await house.buy(user)).answer.status == 201


@pytest.mark.parametrize(
    ("before", "service", "rows"),
    [
        ("CaptureMany", "payment", "SELECT FROM payments WHERE key = $1 FOR UPDATE"),
        ("CaptureMany", "payment", "SELECT FROM simulator.payments WHERE key = $1 FOR UPDATE"),
        ("ConfirmMany", "order", "SELECT FROM orders WHERE id::text = $1 FOR UPDATE"),
        ("ClearMany", "cart", "SELECT FROM carts WHERE id::text = $1 FOR UPDATE"),
        ("AuthorizeMany", "checkout", "SELECT FROM checkouts WHERE id::text = $1 FOR UPDATE"),
    ],
)
async def test_rows_of_an_order_under_way_that_are_held_stop_that_order_alone(
    house, shopper, before, service, rows
) -> None:
    house.road.pause[before] = asyncio.Event()
    buying = asyncio.create_task(house.buy(shopper.user))
    async with asyncio.timeout(10):
        while before not in house.road.taken:
            await asyncio.sleep(0.01)
    row = await house.db.fetchrow("SELECT id, order_id FROM checkouts WHERE state = 'running'")
    key = {"order": row["order_id"], "cart": shopper.cart_id}.get(service, row["id"])
    async with held(dsn_of(house, service), rows, key):
        house.road.pause.pop(before).set()
        await bought_by_others(house)
    await buying
    checkout = await house.ended(row["id"])
    assert checkout.state == "completed"
    await shopper.assert_order_stands(checkout)
