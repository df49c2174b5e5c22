"""What inventory announces marks the lines of all carts, in whatever order it arrives; who was deleted has no cart."""

import asyncio
from itertools import permutations

import pytest
from runners import deadlocks, drained

from stoa.app import SERVICES
from stoa.kit import clock
from stoa.kit.db import Database
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.inbox import Inbox
from stoa.services.cart.handlers import handlers
from stoa.services.cart.postgres_store import PostgresCarts

from .conftest import read


def told(kind: str, version: int, sku: str, **data: str) -> Event:
    return Event(
        id=uuid7(),
        type=f"inventory.{kind}",
        source="inventory",
        subject=sku,
        time=clock.now(),
        aggregateversion=version,
        traceparent="00-" + "1" * 32 + "-" + "1" * 16 + "-01",
        data=data or {"sku": sku, "available": 0 if kind == "sold_out" else 5},
    )


async def hear(db, store, kind: str, version: int, sku: str = "MUG") -> None:
    event = told(kind, version, sku)
    async with db.transaction() as tx:
        await handlers(store)[event.type](tx, event)


async def marks(store, cart_id: str) -> dict[str, bool]:
    return {line.sku: line.sold_out for line in (await read(store, cart_id)).lines}


async def test_lines_that_are_there_and_lines_to_come(db, store, fill):
    first = await fill({"MUG": 1, "SPOON": 1})
    await hear(db, store, "sold_out", 1)
    later = await fill({"MUG": 1})
    assert await marks(store, first.id) == {"MUG": True, "SPOON": False}
    assert await marks(store, later.id) == {"MUG": True}
    await hear(db, store, "back_in_stock", 2)
    assert await marks(store, first.id) == {"MUG": False, "SPOON": False}
    assert (await read(store, first.id)).version == first.version


@pytest.mark.parametrize("arrival", list(permutations([("sold_out", 1), ("back_in_stock", 2), ("sold_out", 3)])))
async def test_the_newest_word_counts_whatever_comes_last(db, store, fill, arrival):
    cart = await fill({"MUG": 1})
    for kind, version in arrival:
        for _ in range(2):
            await hear(db, store, kind, version)
    assert await marks(store, cart.id) == {"MUG": True}


async def test_the_cart_of_a_deleted_account_goes_with_what_is_in_it(db, store, fill):
    ada, eve = await fill({"MUG": 1}, user_id=uuid7()), await fill({"MUG": 1}, user_id=uuid7())
    event = told("sold_out", 1, "-", user_id=ada.id)
    for _ in range(2):
        async with db.transaction() as tx:
            await handlers(store)["user.deleted"](tx, event)
    assert await read(store, ada.id) is None
    assert [row["cart_id"] for row in await db.fetch("SELECT cart_id FROM cart_items")] == [eve.id]


async def test_two_runners_keep_the_newest_of_each(db, postgres):
    twin = Database("cart", db.dsn, db.size)
    inboxes = [Inbox(SERVICES["cart"], one, handlers(PostgresCarts(one))) for one in (db, twin)]
    skus = [f"S{at}" for at in range(60)]
    events = [
        told("sold_out" if version % 2 else "back_in_stock", version, sku)
        for version in range(1, 6)
        for sku in (skus if version % 2 else reversed(skus))
    ]
    async with drained(db, *inboxes):
        await asyncio.gather(*(inbox.accept(events[at::2]) for at, inbox in enumerate(inboxes)))
    assert await db.fetchval("SELECT sum(attempts) FROM inbox") == 0
    rows = await db.fetch("SELECT version, sold_out, count(*) FROM sku_marks GROUP BY version, sold_out")
    assert [tuple(row) for row in rows] == [(5, True, 60)]
    assert await deadlocks(postgres, db, twin) == 0
