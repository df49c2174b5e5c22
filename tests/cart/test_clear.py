"""After the checkout: what was bought goes, once, and what was put in since stays."""

import asyncio

import pytest

from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.services.cart import lines as rules
from stoa.services.cart import repository
from stoa.services.cart.access import find_locked
from stoa.services.cart.change import quantities, save
from stoa.services.cart.clear import clear


async def test_only_what_was_bought_goes(db: Database, fill, lines):
    bought = {"MUG": 1, "SPOON": 2, "FORK": 3}
    cart = await fill(bought)
    await fill({"MUG": 1, "SPOON": 5, "FORK": 1, "KNIFE": 1}, cart_id=cart.id)
    for _ in range(2):
        await clear(db, cart.id, cart.round, bought)
        assert await lines(cart.id) == {"SPOON": 3, "KNIFE": 1}
    after = await repository.read_cart(db, cart.id)
    assert (after.version, after.round) == (3, 1)


async def test_what_was_put_in_again_is_not_taken_out_by_a_repeat(db, fill, lines):
    cart = await fill({"MUG": 1})
    await clear(db, cart.id, cart.round, {"MUG": 1})
    again = await fill({"MUG": 1}, cart_id=cart.id)
    await clear(db, cart.id, cart.round, {"MUG": 1})
    assert await repository.read_cart(db, cart.id) == again
    await clear(db, cart.id, again.round, {"MUG": 1})
    assert await lines(cart.id) == {}


async def test_a_round_ends_although_the_shopper_has_emptied_the_cart(db, fill):
    cart = await fill({"MUG": 1})
    emptied = await fill({}, cart_id=cart.id)
    await clear(db, cart.id, cart.round, {"MUG": 1})
    after = await repository.read_cart(db, cart.id)
    assert (after.lines, after.version, after.round) == ((), emptied.version, 1)


async def test_a_cart_that_is_gone_has_nothing_to_clear(db):
    await clear(db, gone := uuid7(), 0, {"MUG": 1})
    assert await repository.read_cart(db, gone) is None


async def test_clearing_many_times_at_once_takes_out_once(db, fill, lines):
    cart = await fill({"MUG": 7})
    await asyncio.gather(*(clear(db, cart.id, cart.round, {"MUG": 2}) for _ in range(6)))
    assert await lines(cart.id) == {"MUG": 5}


@pytest.mark.parametrize("sku", ["MUG", "SPOON"])
async def test_clearing_while_the_shopper_adds(db, fill, lines, sku):
    for _ in range(15):
        cart = await fill({"MUG": 1})

        async def add(cart_id: str) -> None:
            async with db.transaction() as tx:
                locked = await find_locked(tx, cart_id, None)
                await save(tx, locked, rules.add(quantities(locked), sku, 2, available=None))

        await asyncio.gather(clear(db, cart.id, cart.round, {"MUG": 1}), add(cart.id))
        # Whoever came first: what was added is there, and the mug that was bought is not.
        assert await lines(cart.id) == {sku: 2}
