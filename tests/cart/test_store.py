"""What every store of carts keeps; `test_clear`, `test_merge` and `test_marks` run on each as well."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit import clock
from stoa.kit.ids import uuid7
from stoa.services.cart.document import Cart, Contact, Line
from stoa.services.cart.errors import CartFull
from stoa.services.cart.store import KEYS_KEPT, Change, Rule

from .conftest import read


def adding(sku: str, quantity: int) -> Rule:
    return lambda cart: Change({**cart.quantities, sku: cart.quantities.get(sku, 0) + quantity})


def refusing(_: Cart) -> Change:
    raise CartFull("No more.", limit=0)


async def test_what_is_written_is_read_again(store) -> None:
    ada, before = uuid7(), clock.now()
    said = Contact(email="ada@example.com", shipping_address={"city": "London"})
    opened = await store.open(ada, ada, lambda _: Change({"MUG": 1, "TEA": 2}, said))
    assert opened == await read(store, ada)
    assert (opened.id, opened.user_id, opened.round, opened.keys) == (ada, ada, 0, ())
    assert (opened.lines, opened.contact) == ((Line("MUG", 1, False), Line("TEA", 2, False)), said)
    assert before <= opened.updated_at <= clock.now()
    billed = await store.open(ada, ada, lambda cart: Change(cart.quantities, Contact(billing_address={"city": "Bath"})))
    assert billed.contact == Contact("ada@example.com", {"city": "London"}, {"city": "Bath"})
    assert billed.version > opened.version


async def test_each_change_raises_the_version_by_one_and_none_raises_nothing(store) -> None:
    guests = await store.open(uuid7(), None, lambda _: Change({}))
    assert (guests.user_id, guests.version, guests.lines) == (None, 0, ())
    filled = await store.change(guests.id, adding("MUG", 2))
    assert (filled.version, filled.quantities) == (1, {"MUG": 2})
    assert await store.change(guests.id, lambda cart: Change(cart.quantities)) == filled
    assert await store.open(guests.id, None, lambda cart: Change(cart.quantities)) == filled
    emptied = await store.change(guests.id, lambda _: Change({}))
    assert (emptied.version, emptied.lines) == (2, ())


async def test_what_is_not_there_is_neither_read_nor_changed_nor_made_by_a_refusal(store) -> None:
    nobody = uuid7()
    assert await store.change(nobody, adding("MUG", 1)) is None
    with pytest.raises(CartFull):
        await store.open(nobody, nobody, refusing)
    with pytest.raises(CartFull):
        await store.merge(nobody, uuid7(), lambda mine, _: refusing(mine).lines)
    assert await read(store, nobody) is None


async def test_a_refused_change_changes_nothing(store, fill) -> None:
    cart = await fill({"MUG": 1})
    with pytest.raises(CartFull):
        await store.change(cart.id, refusing, "k")
    assert await read(store, cart.id) == cart


async def test_of_many_changes_at_once_none_is_lost(store, fill) -> None:
    cart = await fill({"MUG": 1})
    await asyncio.gather(*(store.change(cart.id, adding(f"S{n % 3}", 1)) for n in range(30)))
    after = await read(store, cart.id)
    assert (after.version, after.quantities) == (31, {"MUG": 1, "S0": 10, "S1": 10, "S2": 10})


async def test_what_came_under_a_key_is_not_done_again(store, fill) -> None:
    """As by one who does the same request over: whoever did it first has died before he could say so."""
    cart = await fill({})
    changed = await store.change(cart.id, adding("MUG", 2), "ada adds it")
    assert await store.change(cart.id, adding("MUG", 2), "ada adds it") == changed
    await store.change(cart.id, adding("TEA", 1))
    assert (await store.change(cart.id, refusing, "ada adds it")).quantities == {"MUG": 2, "TEA": 1}
    ada = uuid7()
    for _ in range(2):
        assert (await store.open(ada, ada, adding("MUG", 3), "ada adds it")).quantities == {"MUG": 3}


async def test_one_key_at_once_counts_once(store, fill) -> None:
    cart = await fill({})
    await asyncio.gather(*(store.change(cart.id, adding("MUG", 2), "k") for _ in range(8)))
    assert (await read(store, cart.id)).quantities == {"MUG": 2}


async def test_the_last_keys_are_kept_and_no_more(store, fill) -> None:
    cart = await fill({})
    for n in range(KEYS_KEPT + 5):
        await store.change(cart.id, adding("MUG", 1), f"k{n}")
    assert (await read(store, cart.id)).keys == tuple(f"k{n}" for n in range(5, KEYS_KEPT + 5))


async def test_a_key_that_changed_nothing_is_not_kept(store, fill) -> None:
    cart = await fill({"MUG": 1})
    assert await store.change(cart.id, lambda cart: Change(cart.quantities), "k") == cart


async def test_only_guests_carts_that_nobody_touched_are_removed(store, fill) -> None:
    ada = uuid7()
    old = [await fill({"MUG": n}) for n in (1, 2, 3)]
    await fill({"MUG": 1}, user_id=ada)
    untouched_since = clock.now()
    new = await fill({"MUG": 1})
    assert await store.remove_expired(untouched_since, 2) == 2
    assert [await read(store, cart.id) for cart in old[:2]] == [None, None]
    assert await store.remove_expired(untouched_since, 2) == 1
    assert await store.remove_expired(untouched_since, 2) == 0
    assert None not in (await read(store, ada), await read(store, new.id))
