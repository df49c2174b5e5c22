"""Many orders in one transaction of the inbox, while others buy, release and expire."""

from __future__ import annotations

import asyncio
import contextlib
import random

from runners import deadlocks, drained

from stoa.app import SERVICES
from stoa.kit.clock import now
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.inbox import Inbox
from stoa.services.inventory.errors import OutOfStock
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.handlers import handle_batch, handlers
from stoa.services.inventory.release import release

SKUS = [f"S{at:02}" for at in range(12)]


def placed(
    order_id: str, key: str, lines: dict[str, int], traceparent: str = "", event_type: str = "order.placed"
) -> Event:
    """Or what became of the order, all of which comes back."""
    items = [{"sku": sku, "quantity": units} for sku, units in lines.items()]
    return Event(
        id=uuid7(),
        type=event_type,
        source="order",
        subject=order_id,
        time=now(),
        aggregateversion=1,
        traceparent=traceparent,
        data={"order_id": order_id, "number": key, "reservation_key": key, "items": items, "return_id": order_id},
    )


async def test_selling_in_batches_deadlocks_with_nobody(shop, twin, postgres):
    chance = random.Random(11)
    for sku in SKUS:
        await shop.put(sku, 100_000)
    events = []
    for at in range(300):
        lines = dict.fromkeys(chance.sample(SKUS, 3), 1)
        await shop.reserve(f"order-{at}", **lines)
        events.append(placed(uuid7(), f"order-{at}", lines))
    shops = [shop, twin(), twin()]
    inboxes = [Inbox(SERVICES["inventory"], one.db, handlers(one.inventory.outbox), handle_batch) for one in shops[:2]]
    await inboxes[0].accept(events)

    async def buy(one, name):
        for at in range(40):
            with contextlib.suppress(OutOfStock):
                lines = dict.fromkeys(chance.sample(SKUS, 6), 1)
                await one.reserve(f"{name}-{at}", hold_seconds=chance.choice([-1, 900]), **lines)
            if at % 3 == 0:
                await release(one.inventory, f"{name}-{at}")
            if at % 5 == 0:
                await expire_holds(one.inventory)

    async with drained(shop.db, *inboxes):
        await asyncio.gather(*(buy(one, f"{at}-{turn}") for at, one in enumerate(shops) for turn in range(4)))

    assert await shop.db.fetchval("SELECT sum(attempts) FROM inbox") == 0
    assert await shop.db.fetchval("SELECT count(*) FROM stock_movements WHERE kind = 'sale'") == 900
    await shop.assert_sound()
    assert await deadlocks(postgres, *(one.db for one in shops)) == 0


async def test_what_is_missing_of_an_order_is_said_in_its_trace_whoever_shares_its_batch(shop, said):
    traces = {f"order-{each}": each * 32 for each in "abc"}
    events = [placed(uuid7(), key, {"A": 1}, f"00-{trace}-{'1' * 16}-01") for key, trace in traces.items()]
    async with shop.db.transaction() as tx:
        assert await handle_batch(tx, events) == []
    assert [(message.split()[1], trace) for trace, message in said if "is placed but" in message] == [*traces.items()]
