"""After the checkout: what was bought goes, once, and what was put in since stays."""

import asyncio

import pytest

from stoa.kit.ids import uuid7
from stoa.kit.many import UnderWay
from stoa.services.cart import lines as rules
from stoa.services.cart.document import Contact
from stoa.services.cart.merge import merge
from stoa.services.cart.store import Bought, Change

from .conftest import end_round, read


async def test_only_what_was_bought_goes(store, fill, lines):
    bought = {"MUG": 1, "SPOON": 2, "FORK": 3}
    cart = await fill(bought)
    await fill({"MUG": 1, "SPOON": 5, "FORK": 1, "KNIFE": 1}, cart_id=cart.id)
    for _ in range(2):
        await end_round(store, cart.id, cart.round, bought)
        assert await lines(cart.id) == {"SPOON": 3, "KNIFE": 1}
    after = await read(store, cart.id)
    assert (after.version, after.round) == (3, 1)


async def test_what_was_put_in_again_is_not_taken_out_by_a_repeat(store, fill, lines):
    cart = await fill({"MUG": 1})
    await end_round(store, cart.id, cart.round, {"MUG": 1})
    again = await fill({"MUG": 1}, cart_id=cart.id)
    await end_round(store, cart.id, cart.round, {"MUG": 1})
    assert await read(store, cart.id) == again
    await end_round(store, cart.id, again.round, {"MUG": 1})
    assert await lines(cart.id) == {}


async def test_a_round_ends_although_the_shopper_has_emptied_the_cart(store, fill):
    cart = await fill({"MUG": 1})
    emptied = await fill({}, cart_id=cart.id)
    await end_round(store, cart.id, cart.round, {"MUG": 1})
    after = await read(store, cart.id)
    assert (after.lines, after.version, after.round) == ((), emptied.version, 1)


async def test_a_cart_that_is_gone_has_nothing_to_clear(store):
    await end_round(store, gone := uuid7(), 0, {"MUG": 1})
    assert await read(store, gone) is None


async def test_clearing_many_times_at_once_takes_out_once(store, fill, lines):
    cart = await fill({"MUG": 7})
    await asyncio.gather(*(end_round(store, cart.id, cart.round, {"MUG": 2}) for _ in range(6)))
    assert await lines(cart.id) == {"MUG": 5}


@pytest.mark.parametrize("sku", ["MUG", "SPOON"])
async def test_clearing_while_the_shopper_adds(store, fill, lines, sku):
    for _ in range(15):
        cart = await fill({"MUG": 1})

        async def add(cart_id: str) -> None:
            await store.change(cart_id, lambda now: Change(rules.add(now.quantities, sku, 2, available=None)))

        await asyncio.gather(end_round(store, cart.id, cart.round, {"MUG": 1}), add(cart.id))
        # Whoever came first: what was added is there, and the mug that was bought is not.
        assert await lines(cart.id) == {sku: 2}


async def test_many_at_once_each_by_itself(store, fill, lines):
    """Carts that are there and gone, that were changed, merged or bought before: each as if it came alone."""
    plain, changed = await fill({"MUG": 1, "TEA": 2}), await fill({"MUG": 3})
    again, guests = await fill({"MUG": 1}), await fill({"MUG": 2, "JAM": 1})
    await fill({"MUG": 5, "PEN": 1}, cart_id=changed.id)
    await end_round(store, again.id, 0, {"MUG": 1})
    await fill({"MUG": 1}, cart_id=again.id)
    await merge(store, ada := uuid7(), guests.id)
    wave = [
        Bought(plain.id, 0, {"MUG": 1, "TEA": 1}),
        Bought(uuid7(), 0, {"MUG": 1}),
        Bought(changed.id, 0, {"MUG": 3}),
        Bought(again.id, 0, {"MUG": 1}),
        Bought(guests.id, 0, {"MUG": 2}),
        Bought(plain.id, 0, {"TEA": 1}),
    ]
    for _ in range(2):
        assert await ended(store, wave) == [None] * 6
        assert [await lines(one.id) for one in (plain, changed, again, guests)] == [
            {"TEA": 1},
            {"MUG": 2, "PEN": 1},
            {"MUG": 1},
            {},
        ]
        assert await lines(ada) == {"JAM": 1}
    read = await store.read_many([plain.id, uuid7(), ada])
    assert {key: (cart.round, cart.quantities) for key, cart in read.items()} == {
        plain.id: (1, {"TEA": 1}),
        ada: (0, {"JAM": 1}),
    }


async def test_what_was_said_of_the_buyer_ends_with_the_round(store, fill):
    said = Contact(email="ada@example.com", shipping_address={"city": "London"})
    cart = await store.open(uuid7(), None, lambda _: Change({"MUG": 1}, said))
    await end_round(store, cart.id, 0, {"MUG": 1})
    assert (await read(store, cart.id)).contact == Contact()


async def test_two_waves_the_other_way_round_while_the_shoppers_add(store, fill, lines):
    for _ in range(8):
        carts = [await fill({"MUG": 1, "TEA": 2}) for _ in range(10)]
        wave = [Bought(cart.id, 0, {"MUG": 1, "TEA": 1}) for cart in carts]

        async def add(cart_id: str) -> None:
            await store.change(cart_id, lambda now: Change(rules.add(now.quantities, "MUG", 2, available=None)))

        mine, theirs, *_ = await asyncio.gather(
            ended(store, wave), ended(store, wave[::-1]), *(add(cart.id) for cart in carts)
        )
        assert mine == theirs == [None] * 10
        assert [await lines(cart.id) for cart in carts] == [{"MUG": 2, "TEA": 1}] * 10
        assert {cart.round for cart in (await store.read_many([cart.id for cart in carts])).values()} == {1}


async def ended(store, wave):
    """What became of each in the end: one that takes longer than the others is asked for again."""
    results = list(await store.end_rounds(wave))
    for at, one in enumerate(results):
        if isinstance(one, UnderWay):
            results[at] = (await ended(store, [wave[at]]))[0]
    return results
