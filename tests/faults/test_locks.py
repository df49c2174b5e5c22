"""Somebody else holds locks on our rows: who does not need them goes on, who does waits or is told to come again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from faults.installation import Installation

SHOPPERS = 40
LOCKERS = 3
MOST_SECONDS = 90

# Whatever the path of an order locks or writes.
TABLES = [
    ("cart", "carts"),
    ("cart", "cart_items"),
    ("catalog", "variants"),
    ("checkout", "checkouts"),
    ("inventory", "items"),
    ("inventory", "stock"),
    ("inventory", "reservations"),
    ("inventory", "inbox"),
    ("notification", "inbox"),
    ("order", "orders"),
    ("order", "outbox"),
    ("payment", "payments"),
    ("payment", "simulator.payments"),
]


@asynccontextmanager
async def held(shop: Installation, service: str, sql: str, *arguments: object) -> AsyncIterator[None]:
    """The rows of a SELECT, locked by another session for the block."""
    connection = await asyncpg.connect(shop.databases[service].dsn)
    try:
        async with connection.transaction():
            await connection.fetch(f"{sql} FOR UPDATE", *arguments)
            yield
    finally:
        await connection.close()


async def somebody_waits(shop: Installation, service: str) -> None:
    """Return while a statement of the service waits for a lock."""
    give_up = time.monotonic() + 10
    while not await shop.databases[service].fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ):
        assert time.monotonic() < give_up, "nobody waits"
        await asyncio.sleep(0.01)


async def test_locks_at_random_moments_lose_nothing(shop: Installation, chance: random.Random):
    await shop.start()
    skus = [await shop.new_product(on_hand=100) for _ in range(5)]
    wanted = [chance.choice(skus) for _ in range(SHOPPERS)]
    bodies = [await shop.guest_with(sku) for sku in wanted]
    finished = asyncio.Event()

    async def buy(body) -> None:
        key = str(uuid4())
        await asyncio.sleep(chance.uniform(0, 5))
        give_up = time.monotonic() + MOST_SECONDS
        while True:
            answer = await shop.order(body, key)
            if answer is not None and answer.status == 201:
                return
            assert answer is None or answer.status == 503 or answer.problem == "request-in-progress", answer
            assert answer is None or answer.status != 503 or "Retry-After" in answer.headers, answer
            assert time.monotonic() < give_up, answer
            await asyncio.sleep(0.2)

    async def lock() -> None:
        while not finished.is_set():
            service, table = chance.choice(TABLES)
            any_row = f"SELECT FROM {table} WHERE ctid = (SELECT ctid FROM {table} ORDER BY random() LIMIT 1)"
            async with held(shop, service, any_row):
                await asyncio.sleep(chance.uniform(0.1, 4))

    lockers = [asyncio.create_task(lock()) for _ in range(LOCKERS)]
    await asyncio.gather(*map(buy, bodies))
    finished.set()
    await asyncio.gather(*lockers)

    for sku in skus:
        assert await shop.stock(sku) == (100 - wanted.count(sku), 0)
    await shop.must_be_sound()


@pytest.mark.parametrize(
    ("service", "sql"),
    [
        ("inventory", "SELECT FROM items WHERE sku = $1"),
        ("inventory", "SELECT FROM stock WHERE sku = $1"),
    ],
)
async def test_one_held_row_stops_nobody_else(shop: Installation, service: str, sql: str):
    await shop.start()
    busy, free = await shop.new_product(on_hand=10), await shop.new_product(on_hand=10)
    blocked_body, bodies = await shop.guest_with(busy), [await shop.guest_with(free) for _ in range(5)]
    key = str(uuid4())
    async with held(shop, service, sql, busy):
        blocked = asyncio.create_task(shop.order(blocked_body, key))
        answers = await asyncio.gather(*(shop.order_until_answered(body, str(uuid4())) for body in bodies))
        assert [answer.status for answer in answers] == [201] * 5
        refused = await blocked
        assert refused is not None
        assert (refused.status, "Retry-After" in refused.headers) == (503, True)
    assert (await shop.order_until_answered(blocked_body, key)).status == 201
    assert (await shop.stock(busy), await shop.stock(free)) == ((9, 0), (5, 0))
    await shop.must_be_sound()


async def test_a_shop_stops_while_a_row_is_held(shop: Installation):
    await shop.start()
    sku = await shop.new_product(on_hand=10)
    body, key = await shop.guest_with(sku), str(uuid4())
    async with held(shop, "inventory", "SELECT FROM items WHERE sku = $1", sku):
        blocked = asyncio.create_task(shop.order(body, key))
        await somebody_waits(shop, "inventory")
        await asyncio.to_thread(shop.stop)
    await blocked
    await shop.start()
    assert (await shop.order_until_answered(body, key)).status == 201
    assert await shop.stock(sku) == (9, 0)
    await shop.must_be_sound()
