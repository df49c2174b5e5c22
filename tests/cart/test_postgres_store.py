"""What only the store in PostgreSQL can do wrong: `test_store.py` has what every store keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context

import pytest
from counting import Counting
from holding import held

from stoa.kit.db import Locked
from stoa.kit.ids import uuid7
from stoa.kit.many import UnderWay
from stoa.services.cart import repository
from stoa.services.cart.document import Cart
from stoa.services.cart.merge import merge
from stoa.services.cart.postgres_store import PostgresCarts
from stoa.services.cart.store import Bought, Change

from .conftest import read


async def waiting_for_a_lock(db) -> None:
    """Until a session does."""
    async with asyncio.timeout(10):
        while not await db.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)


async def test_a_cart_that_is_made_after_the_lock_is_not_changed_without_one(db) -> None:
    """Others find it and change it meanwhile: what was read without the lock would be written over theirs."""
    store, ada = PostgresCarts(db), uuid7()

    def one_more(cart: Cart) -> Change:
        return Change({"MUG": cart.quantities.get("MUG", 0) + 1})

    async with db.transaction() as maker:
        # Whoever reads a cart waits for this, and reads it as it is then.
        await maker.execute("LOCK TABLE sku_marks IN ACCESS EXCLUSIVE MODE")
        changing = asyncio.create_task(store.change(ada, one_more), context=Context())
        while not changing.done() and not await maker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        await repository.add_cart(maker, ada, ada)
    assert await changing is None


@pytest.mark.parametrize("act", ["open", "merge"])
async def test_a_cart_that_goes_with_its_account_between_being_found_and_locked_is_made_again(
    db, fill, lines, act
) -> None:
    store, ada = PostgresCarts(db), uuid7()
    await fill({"TEA": 1}, user_id=ada)
    guests = await fill({"MUG": 2})
    acts = {
        "open": lambda: store.open(ada, ada, lambda cart: Change({**cart.quantities, "MUG": 2})),
        "merge": lambda: merge(store, ada, guests.id),
    }
    async with db.transaction() as tx:
        await repository.lock_carts(tx, [ada])
        doing = asyncio.create_task(acts[act](), context=Context())
        await waiting_for_a_lock(db)
        await store.forget(tx, ada)
    cart = await doing
    assert (cart.user_id, cart.version, await lines(ada)) == (ada, 1, {"MUG": 2})


@pytest.fixture
async def counted(db) -> AsyncIterator[Counting]:
    """The same database, by a pool that counts and has a connection that knows the types of all statements."""
    counting = Counting(db)
    store = PostgresCarts(counting)
    cart = await store.open(uuid7(), None, lambda _: Change({"MUG": 1}))
    await store.end_rounds([Bought(cart.id, 0, {"MUG": 1})])
    await counting.taken()
    yield counting
    await counting.close()


@pytest.mark.parametrize("count", [1, 20, 256])
async def test_a_wave_costs_what_one_cart_does(counted, fill, count) -> None:
    store = PostgresCarts(counted)
    carts = [await fill({"MUG": 2, "TEA": 1}) for _ in range(count)]
    assert len(await store.read_many([cart.id for cart in carts])) == count
    assert await counted.taken() == [repository.READ_CARTS]
    wave = [Bought(cart.id, 0, {"MUG": 1, "TEA": 1}) for cart in carts]
    for _ in range(2):  # a repeat as well
        assert list(await store.end_rounds(wave)) == [None] * count
        assert await counted.taken() == [repository.END_ROUNDS]
    after = await store.read_many([cart.id for cart in carts])
    assert [after[cart.id].quantities for cart in carts] == [{"MUG": 1}] * count


async def test_a_cart_that_somebody_holds_stops_nobody_else(db, fill) -> None:
    store = PostgresCarts(db)
    carts = [await fill({"MUG": 1}) for _ in range(20)]
    wave = [Bought(cart.id, 0, {"MUG": 1}) for cart in carts]
    async with held(db.dsn, "SELECT FROM carts WHERE id = $1 FOR UPDATE", carts[7].id):
        results = list(await store.end_rounds(wave))
        assert isinstance(results.pop(7), UnderWay)
        assert results == [None] * 19
        after = await store.read_many([cart.id for cart in carts])
        assert [at for at, cart in enumerate(carts) if after[cart.id].lines] == [7]
        [alone] = await store.end_rounds([wave[7]])
        assert isinstance(alone, Locked)
    assert list(await store.end_rounds(wave)) == [None] * 20
    assert (await read(store, carts[7].id)).quantities == {}


async def test_what_was_put_in_while_the_statement_locked_others_stays(db, fill, lines) -> None:
    """It has seen the cart's lines before, and comes to the cart last."""
    store, last = PostgresCarts(db), "ffffffff-ffff-7fff-bfff-ffffffffffff"
    await fill({"MUG": 2}, cart_id=last)
    others = await db.fetch(
        "INSERT INTO carts (id) SELECT gen_random_uuid() FROM generate_series(1, 20000) RETURNING id"
    )
    wave = [*(Bought(row["id"], 0, {}) for row in others), Bought(last, 0, {"MUG": 2})]
    ending = asyncio.create_task(store.end_rounds(wave))
    first = min(row["id"] for row in others)
    async with asyncio.timeout(10):
        while await db.fetchval("SELECT id FROM carts WHERE id = $1 FOR UPDATE SKIP LOCKED", first):
            await asyncio.sleep(0.001)
    await store.change(last, lambda cart: Change({"MUG": cart.quantities["MUG"] + 3}))
    await ending
    assert list(await store.end_rounds(wave[-1:])) == [None]
    assert await lines(last) == {"MUG": 3}
