"""kill -9 around a delivery: after the commit of an effect, after what is kept for later, after the acknowledgement."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from faults.installation import Installation

MAILS = "SELECT count(*) FROM deliveries WHERE order_id = $1 AND template = 'order_confirmation'"
OWED = "SELECT count(*) FROM outbox"


@pytest.mark.parametrize(
    "point", ["order:delivered", "payment:delivered", "inventory:handled", "notification:handled", "order:handled"]
)
async def test_the_effect_is_there_once(shop: Installation, point: str):
    await shop.start()
    sku = await shop.new_product(on_hand=5)
    body, key = await shop.guest_with(sku, 2), str(uuid4())
    await nothing_is_owed(shop)
    await shop.start(crash_at=point)
    await shop.order(body, key)  # it may be answered before the process dies
    await shop.died()

    await shop.start()
    answer = await shop.order_until_answered(body, key)
    assert (answer.status, answer.body["status"], answer.body["payment_status"]) == (201, "confirmed", "paid")
    assert await shop.stock(sku) == (3, 0)
    await shop.must_be_sound()
    assert await shop.databases["notification"].fetchval(MAILS, answer.body["id"]) == 1


async def test_what_was_kept_for_later_is_done_once(shop: Installation):
    """Somebody holds the table of mails, so the delivery keeps the event, and the process dies of that."""
    await shop.start()
    sku = await shop.new_product(on_hand=5)
    body, key = await shop.guest_with(sku, 2), str(uuid4())
    await nothing_is_owed(shop)
    await shop.start(crash_at="notification:kept")
    async with shop.databases["notification"].transaction() as tx:
        await tx.execute("LOCK TABLE deliveries IN EXCLUSIVE MODE")
        await shop.order(body, key)
        await shop.died()

    await shop.start()
    answer = await shop.order_until_answered(body, key)
    await shop.must_be_sound()
    assert await shop.databases["notification"].fetchval(MAILS, answer.body["id"]) == 1


async def nothing_is_owed(shop: Installation) -> None:
    """So that the process dies of the order and of nothing before it."""
    async with asyncio.timeout(30):
        while any([await shop.databases[name].fetchval(OWED) for name in shop.databases]):
            await asyncio.sleep(0.05)
