"""A shop in which nobody asks for anything is silent, and awake at once when somebody does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
from tests.journeys.client import Shopper

from stoa.cli.seed import seed
from stoa.kit import pool, pulse, relay
from stoa.runtime.data_dir import DataDir
from stoa.testing.servers import Templates, running_server
from stoa.testing.shops import Shop, running_shop

TRANSACTIONS = r"""
    SELECT sum(xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname LIKE 'stoa\_%'
"""
SESSIONS = r"""
    SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname LIKE 'stoa\_%'
"""
MAILS_ABOUT_ORDERS = "SELECT count(*) FROM deliveries WHERE order_id IS NOT NULL"


@pytest.fixture
async def quick_to_rest(tmp_path, monkeypatch) -> AsyncIterator[tuple[Shop, asyncpg.Connection]]:
    """A demo shop whose pauses are shorter: beats 0.1, 1.1, 11.1 and 111.1 s after the last thing that happened."""
    monkeypatch.setattr(pulse, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr(pulse, "SLOWER", 10.0)
    monkeypatch.setattr(relay, "IDLE_SECONDS", 2.0)
    monkeypatch.setattr(pool, "IDLE_SECONDS", 2.0)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(durable=False))
        admin = await asyncpg.connect(server.dsn())
        stack.push_async_callback(admin.close)
        # It looks into every database now and then, and its looks are transactions too.
        await admin.execute("ALTER SYSTEM SET autovacuum = off")
        await admin.execute("SELECT pg_reload_conf()")
        shop = await stack.enter_async_context(running_shop(Templates(server, admin)))
        await seed(DataDir(tmp_path), shop.process.neighbors.operator_channel)
        yield shop, admin


async def test_nothing_is_asked_and_nobody_is_connected_until_somebody_comes(quick_to_rest) -> None:
    shop, admin = quick_to_rest
    base_url = str(shop.http._base_url).rstrip("/")
    ada = await Shopper(shop.http, base_url).register()
    await order(shop, ada)

    await until_silent(admin)
    before = await admin.fetchval(TRANSACTIONS)
    await asyncio.sleep(10)
    assert await admin.fetchval(SESSIONS) == 0
    assert await admin.fetchval(TRANSACTIONS) == before

    began = time.monotonic()
    await order(shop, ada)
    assert time.monotonic() - began < 10
    assert await shop.databases["notification"].fetchval(MAILS_ABOUT_ORDERS) == 2
    assert await admin.fetchval(TRANSACTIONS) > before


async def order(shop: Shop, shopper: Shopper) -> None:
    """One order, with all that its events cause."""
    (product,) = (await shopper.ok("GET", "/products?limit=1"))["items"]
    await shopper.fill_cart(**{product["skus"][0]: 1})
    await shopper.buy()
    await shop.settle(within_seconds=10)


async def until_silent(admin: asyncpg.Connection) -> None:
    async with asyncio.timeout(60):
        while await admin.fetchval(SESSIONS):
            await asyncio.sleep(0.5)
        # The third beat is still to come.
        await asyncio.sleep(12)
        while await admin.fetchval(SESSIONS):
            await asyncio.sleep(0.5)
