"""After the checkout: what was bought goes, once, and what was put in since stays."""

import asyncio

import pytest

from stoa.kit.ids import uuid7
from stoa.services.cart import lines as rules
from stoa.services.cart.store import Change


async def test_only_what_was_bought_goes(store, fill, lines):
    bought = {"MUG": 1, "SPOON": 2, "FORK": 3}
    cart = await fill(bought)
    await fill({"MUG": 1, "SPOON": 5, "FORK": 1, "KNIFE": 1}, cart_id=cart.id)
    for _ in range(2):
        await store.end_round(cart.id, cart.round, bought)
        assert await lines(cart.id) == {"SPOON": 3, "KNIFE": 1}
    after = await store.read(cart.id)
    assert (after.version, after.round) == (3, 1)


async def test_what_was_put_in_again_is_not_taken_out_by_a_repeat(store, fill, lines):
    cart = await fill({"MUG": 1})
    await store.end_round(cart.id, cart.round, {"MUG": 1})
    again = await fill({"MUG": 1}, cart_id=cart.id)
    await store.end_round(cart.id, cart.round, {"MUG": 1})
    assert await store.read(cart.id) == again
    await store.end_round(cart.id, again.round, {"MUG": 1})
    assert await lines(cart.id) == {}


async def test_a_round_ends_although_the_shopper_has_emptied_the_cart(store, fill):
    cart = await fill({"MUG": 1})
    emptied = await fill({}, cart_id=cart.id)
    await store.end_round(cart.id, cart.round, {"MUG": 1})
    after = await store.read(cart.id)
    assert (after.lines, after.version, after.round) == ((), emptied.version, 1)


async def test_a_cart_that_is_gone_has_nothing_to_clear(store):
    await store.end_round(gone := uuid7(), 0, {"MUG": 1})
    assert await store.read(gone) is None


async def test_clearing_many_times_at_once_takes_out_once(store, fill, lines):
    cart = await fill({"MUG": 7})
    await asyncio.gather(*(store.end_round(cart.id, cart.round, {"MUG": 2}) for _ in range(6)))
    assert await lines(cart.id) == {"MUG": 5}


@pytest.mark.parametrize("sku", ["MUG", "SPOON"])
async def test_clearing_while_the_shopper_adds(store, fill, lines, sku):
    for _ in range(15):
        cart = await fill({"MUG": 1})

        async def add(cart_id: str) -> None:
            await store.change(cart_id, lambda now: Change(rules.add(now.quantities, sku, 2, available=None)))

        await asyncio.gather(store.end_round(cart.id, cart.round, {"MUG": 1}), add(cart.id))
        # Whoever came first: what was added is there, and the mug that was bought is not.
        assert await lines(cart.id) == {sku: 2}
