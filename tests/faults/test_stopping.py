"""Ctrl-C on a shop that is in trouble: it ends, in time and well, leaves nothing, and the next start finds all."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import pytest
from faults.shapes import Shape, Together

SKU = "MUG-WHITE"
MOST_SECONDS = 30
"""What docs/operations.md promises of `stoa up`, whatever it is in."""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Together]:
    async with Together(tmp_path, "all-in-one") as shop:
        await shop.start()
        yield shop


async def buying(shop: Shape) -> asyncio.Task[None]:
    """A guest whose cart is filled orders it, whatever becomes of that."""
    guest = shop.visitor()
    cart = await guest.ok("POST", "/cart", status=201)
    await guest.ok("POST", f"/cart/{cart['id']}/items", {"sku": SKU, "quantity": 1}, status=201)

    async def buy() -> None:
        try:
            await guest.buy(cart_id=cart["id"], email="guest@example.com")
        except (AssertionError, aiohttp.ClientError):
            return

    return asyncio.create_task(buy())


@asynccontextmanager
async def held(dsn: str, *tables: str) -> AsyncIterator[asyncpg.Connection]:
    """By another session; the server's end may be the end of that too."""
    session = await asyncpg.connect(dsn)
    try:
        await session.execute("BEGIN")
        await session.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        yield session
    finally:
        session.terminate()


async def somebody_waits(session: asyncpg.Connection) -> None:
    async with asyncio.timeout(20):
        while not await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)


async def must_be_whole(shop: Shape) -> None:
    await shop.start()
    await shop.must_serve(SKU)
    assert await shop.end(signal.SIGTERM) < 10


@pytest.mark.parametrize(
    ("how", "service", "tables"),
    [
        (signal.SIGINT, "inventory", ["items", "stock", "reservations"]),
        (signal.SIGTERM, "order", ["orders", "inbox", "outbox"]),
        (signal.SIGINT, "checkout", ["checkouts"]),
    ],
)
async def test_a_lock_that_somebody_holds(shop: Together, how: signal.Signals, service: str, tables: list[str]) -> None:
    async with held(shop.dsn_of(service), *tables) as session:
        orders = [await buying(shop) for _ in range(3)]
        await somebody_waits(session)
        seconds = await shop.end(how)
    assert seconds < MOST_SECONDS
    await asyncio.gather(*orders)
    await must_be_whole(shop)


async def test_a_database_server_that_hears_nothing(shop: Together) -> None:
    await shop.must_serve(SKU)
    suspend(shop, lambda each: each.name() == "postgres")
    order = asyncio.create_task(shop.must_serve(SKU))
    await asyncio.sleep(0)
    assert await shop.end(signal.SIGINT) < MOST_SECONDS
    with pytest.raises((AssertionError, aiohttp.ClientError)):
        await order
    await must_be_whole(shop)


async def test_processes_that_hear_nothing(tmp_path: Path) -> None:
    async with Together(tmp_path, "three-services") as shop:
        await shop.start()
        suspend(shop, lambda each: "serve" in each.cmdline())
        assert await shop.end(signal.SIGINT) < MOST_SECONDS
        await must_be_whole(shop)


def suspend(shop: Together, one: Callable[[psutil.Process], bool]) -> None:
    for each in shop.family:
        # What was started for a while, to draw a picture or to talk to one client, may have ended meanwhile.
        with contextlib.suppress(psutil.NoSuchProcess):
            if one(each):
                each.suspend()
