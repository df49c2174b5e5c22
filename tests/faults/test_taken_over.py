"""Two processes of every service, both at rest; one does something and dies of it: the other finds what it left."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from faults.installation import Installation

from stoa.app import SERVICES
from stoa.kit import pool, pulse, relay, settings
from stoa.runtime.process import Process
from stoa.runtime.settings import ProcessSettings
from stoa.runtime.topology import Address, ProcessPlan, Topology
from stoa.services.checkout.settings import Settings as CheckoutSettings

LONGEST_BEAT_SECONDS = 10.0
"""Not 300 as in a shop: the beats of the other are 0.1, 1.1 and 11.1 s after something happened, and then every 10."""
WORK_SECONDS = 5.0

ANYWHERE = Address("127.0.0.1", 0)
LEFT = """
    SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM inbox WHERE done_at IS NULL AND parked_at IS NULL)
"""
OPEN = "SELECT count(*) FROM checkouts WHERE state IN ('running', 'compensating')"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = ANY ($1)"
MAILS_ABOUT_ORDERS = "SELECT count(*) FROM deliveries WHERE order_id IS NOT NULL"


@pytest.fixture
async def other(shop: Installation, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    """The second process, here, on the same databases. Nobody sends it anything."""
    monkeypatch.setattr(pulse, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr(pulse, "SLOWER", 10.0)
    monkeypatch.setattr(pulse, "LONGEST_SECONDS", LONGEST_BEAT_SECONDS)
    monkeypatch.setattr(relay, "IDLE_SECONDS", 2.0)
    monkeypatch.setattr(pool, "IDLE_SECONDS", 1.0)
    plan = ProcessPlan("other", tuple(SERVICES), gateway=True, http=ANYWHERE, admin=ANYWHERE, grpc=None)
    process = Process(
        Topology("test", "", (plan,)),
        plan,
        shop.access.dsn_of,
        shop.access.secrets,
        settings.read(ProcessSettings, "STOA_", {}),
        os.environ,
        shop.data_dir.path,
    )
    try:
        await process.build()
        await process.serve()
        yield process
    finally:
        await process.stop()


async def until_at_rest(shop: Installation, process: Process) -> None:
    """Until no session of its pools is left."""
    pools = [each.stored.db.session for each in process.services]
    async with asyncio.timeout(60):
        while await shop.databases["auth"].fetchval(SESSIONS, pools):
            await asyncio.sleep(0.2)


async def is_done(shop: Installation) -> bool:
    left = [await shop.databases[name].fetchval(LEFT) for name in SERVICES]
    return not any(left) and not await shop.databases["checkout"].fetchval(OPEN)


@pytest.mark.parametrize("point", ["checkout:before:capture_payment", "checkout:after:clear_cart"])
async def test_what_a_killed_process_leaves_is_found_at_the_next_beat(
    shop: Installation, other: Process, point: str
) -> None:
    await shop.start(crash_at=point)
    sku = await shop.new_product(on_hand=5)
    body, key = await shop.guest_with(sku, 2), str(uuid4())
    mails = await shop.databases["notification"].fetchval(MAILS_ABOUT_ORDERS)
    await until_at_rest(shop, other)

    assert await shop.order(body, key) is None
    await shop.died()
    died = time.monotonic()
    assert not await is_done(shop)
    async with asyncio.timeout(LONGEST_BEAT_SECONDS + CheckoutSettings().lease_seconds + WORK_SECONDS):
        while not await is_done(shop):
            await asyncio.sleep(0.05)
    print(f"taken over {time.monotonic() - died:.1f} s after the end")
    assert await shop.databases["notification"].fetchval(MAILS_ABOUT_ORDERS) > mails
    assert await shop.stock(sku) == (3, 0)

    await shop.start()
    answer = await shop.order_until_answered(body, key)
    assert (answer.status, answer.body["status"], answer.body["payment_status"]) == (201, "confirmed", "paid")
    await shop.must_be_sound()
