"""At login the guest's cart comes along, once."""

import asyncio

import pytest

from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.services.cart.document import Said
from stoa.services.cart.errors import CartFull, NoSuchCart
from stoa.services.cart.lines import MOST_LINES
from stoa.services.cart.merge import Strategy, merge
from stoa.services.cart.store import Change

from .conftest import end_round, read


async def test_quantities_add_up_and_the_guests_cart_is_empty(store, fill, lines):
    ada = uuid7()
    await fill({"MUG": 1, "FORK": 99_999}, user_id=ada)
    guests = await fill({"MUG": 2, "SPOON": 3, "FORK": 5})
    merged = await merge(store, ada, guests.id)
    assert {line.sku: line.quantity for line in merged.lines} == {"MUG": 3, "FORK": 100_000, "SPOON": 3}
    assert (await read(store, guests.id)).lines == ()
    assert await merge(store, ada, guests.id) == merged


async def test_into_a_cart_that_was_never_used(store, fill):
    guests = await fill({"MUG": 2})
    merged = await merge(store, ada := uuid7(), guests.id)
    assert (merged.id, merged.user_id, merged.version) == (ada, ada, 1)
    assert [line.quantity for line in merged.lines] == [2]


async def test_many_times_at_once_adds_once(store, fill, lines):
    ada = uuid7()
    await fill({"MUG": 1}, user_id=ada)
    guests = await fill({"MUG": 2})
    await asyncio.gather(*(merge(store, ada, guests.id) for _ in range(8)))
    assert await lines(ada) == {"MUG": 3}


async def test_two_users_who_share_a_guest_cart_do_not_both_get_it(store, fill, lines):
    for _ in range(10):
        guests, ada, eve = await fill({"MUG": 2}), uuid7(), uuid7()
        await asyncio.gather(merge(store, ada, guests.id), merge(store, eve, guests.id))
        assert sorted([await lines(ada), await lines(eve)], key=len) == [{}, {"MUG": 2}]


async def test_nobody_takes_over_what_is_a_users(store, fill, lines):
    ada, eve = uuid7(), uuid7()
    await fill({"MUG": 2}, user_id=ada)
    for cart_id in (ada, eve, uuid7()):
        with pytest.raises(NoSuchCart) as refusal:
            await merge(store, eve, cart_id)
        assert refusal.value.field == "cart_id"
    assert await lines(ada) == {"MUG": 2}
    assert await read(store, eve) is None


async def test_what_does_not_go_into_one_changes_neither(store, fill, lines):
    ada = uuid7()
    mine = await fill({f"S{at}": 1 for at in range(MOST_LINES)}, user_id=ada)
    guests = await fill({"ONE-MORE": 1})
    with pytest.raises(CartFull):
        await merge(store, ada, guests.id)
    assert (await read(store, ada), await read(store, guests.id)) == (mine, guests)


async def test_what_is_being_bought_leaves_the_cart_that_it_went_to(store, fill, lines):
    """A guest's cart is ordered, and its buyer signs in before the order is done."""
    ada = uuid7()
    await fill({"MUG": 1, "TEA": 1}, user_id=ada)
    guests = await fill({"MUG": 2, "SPOON": 3})
    await merge(store, ada, guests.id)
    await fill({"JAM": 1}, cart_id=guests.id)
    for _ in range(2):  # a repeat
        await end_round(store, guests.id, guests.round, {"MUG": 2, "SPOON": 3})
        assert (await lines(ada), await lines(guests.id)) == ({"MUG": 1, "TEA": 1}, {"JAM": 1})


async def test_what_the_guest_buys_after_the_merge_is_the_guests(store, fill, lines):
    ada = uuid7()
    guests = await fill({"MUG": 2})
    await merge(store, ada, guests.id)
    await fill({"MUG": 1}, cart_id=guests.id)
    await end_round(store, guests.id, guests.round, {"MUG": 1})
    assert (await lines(ada), await lines(guests.id)) == ({"MUG": 2}, {})
    await fill({"MUG": 1}, cart_id=guests.id)
    await end_round(store, guests.id, guests.round + 1, {"MUG": 2})
    assert (await lines(ada), await lines(guests.id)) == ({"MUG": 2}, {})


async def test_merging_and_buying_at_once_never_keeps_what_was_end_round(store, fill, lines):
    for _ in range(20):
        ada = uuid7()
        guests = await fill({"MUG": 2, "SPOON": 3})
        await asyncio.gather(merge(store, ada, guests.id), end_round(store, guests.id, guests.round, {"MUG": 2}))
        assert await lines(ada) | await lines(guests.id) == {"SPOON": 3}


@pytest.mark.parametrize(
    ("strategy", "to_buy", "saved"),
    [
        (Strategy.ADD, {"MUG": 3, "TEA": 1, "CUP": 4}, {"JAR": 1, "PAN": 6}),
        (Strategy.LARGER, {"MUG": 2, "TEA": 1, "CUP": 4}, {"JAR": 1, "PAN": 6}),
        (Strategy.GUEST, {"MUG": 2, "CUP": 4}, {"JAR": 1, "PAN": 6, "TEA": 1}),
        (Strategy.MINE, {"MUG": 1, "TEA": 1}, {"JAR": 1, "PAN": 6, "CUP": 4}),
    ],
)
async def test_each_strategy_loses_nothing(store, strategy, to_buy, saved):
    ada, nine, ten = uuid7(), Money(900, "GBP"), Money(1000, "GBP")
    mine, guest = Said(metadata={"by": "ada"}), Said(metadata={"by": "guest"})
    await store.open(
        ada,
        ada,
        lambda _: Change(
            {"MUG": 1, "TEA": 1}, said={"MUG": mine}, seen={"MUG": nine}, saved={"JAR": 1, "PAN": 5, "CUP": 1}
        ),
    )
    guests = await store.open(
        uuid7(),
        None,
        lambda _: Change({"MUG": 2, "CUP": 4}, said={"MUG": guest}, seen={"MUG": ten}, saved={"PAN": 6, "MUG": 9}),
    )
    merged = await merge(store, ada, guests.id, strategy=strategy)
    assert (merged.quantities, merged.saved_quantities) == (to_buy, saved)
    stays = strategy is Strategy.MINE
    assert (merged.lines[0].said, merged.lines[0].seen) == ((mine, nine) if stays else (guest, ten))
    left = await read(store, guests.id)
    assert (left.lines, left.saved) == ((), ())
    assert await merge(store, ada, guests.id, strategy=strategy) == merged


@pytest.mark.parametrize("strategy", [Strategy.GUEST, Strategy.MINE])
async def test_of_two_carts_one_of_which_is_empty_the_other_counts(store, fill, strategy):
    ada, eve = uuid7(), uuid7()
    await fill({"MUG": 1}, user_id=ada)
    empty = await store.open(uuid7(), None, lambda _: Change({}, saved={"TEA": 2}))
    merged = await merge(store, ada, empty.id, strategy=strategy)
    assert (merged.quantities, merged.saved_quantities) == ({"MUG": 1}, {"TEA": 2})
    merged = await merge(store, eve, (await fill({"CUP": 3})).id, strategy=strategy)
    assert (merged.quantities, merged.saved_quantities) == ({"CUP": 3}, {})
