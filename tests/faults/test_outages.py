"""A database of ours goes away while a card is asked: the buyer hears the bank's word, or that it is our fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import asyncpg
import pytest
from faults.installation import Installation
from faults.test_locks import somebody_waits

MOST_SECONDS = 120


@asynccontextmanager
async def out(shop: Installation, *services: str) -> AsyncIterator[None]:
    """Nobody is connected to these databases for the block, and nobody can be."""
    names = [shop.databases[service].dsn.rpartition("/")[2] for service in services]
    operator = await asyncpg.connect(shop.superuser_dsn)
    try:
        for name in names:
            await operator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY ($1)", names)
        yield
    finally:
        for name in names:
            await operator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await operator.close()


@asynccontextmanager
async def while_the_bank_is_asked(shop: Installation, body, key: str) -> AsyncIterator[asyncio.Task]:
    """An order whose payment is recorded, and whose card is being asked."""
    holder = await asyncpg.connect(shop.databases["payment"].dsn)
    try:
        await holder.execute("BEGIN; LOCK TABLE simulator.payments IN ACCESS EXCLUSIVE MODE")
        ordering = asyncio.create_task(shop.order(body, key))
        await somebody_waits(shop, "payment")
        yield ordering
    finally:
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await holder.close(timeout=1)


@pytest.mark.parametrize(
    ("services", "seconds"),
    [(("payment",), 5), (("payment",), 20), (("payment", "checkout"), 20)],
    ids=str,
)
async def test_a_good_card_is_never_refused_for_our_own_fault(shop: Installation, services, seconds):
    # The timer comes as soon as the database is back, before anybody else can.
    await shop.start(STOA_PAYMENT_SETTLE_AFTER_SECONDS="0.5")
    sku = await shop.new_product(on_hand=10)
    body, key = await shop.guest_with(sku), str(uuid4())
    async with while_the_bank_is_asked(shop, body, key) as ordering, out(shop, *services):
        await asyncio.sleep(seconds)
    answers = [await ordering]
    give_up = time.monotonic() + MOST_SECONDS
    while answers[-1] is None or answers[-1].status != 201:
        answer = answers[-1]
        assert answer is None or answer.status in {202, 503} or answer.problem == "request-in-progress", answer
        assert time.monotonic() < give_up, answers
        await asyncio.sleep(0.5)
        answers.append(await shop.order(body, key))
    assert await shop.stock(sku) == (9, 0)
    await shop.must_be_sound()
