"""Many at once, in one process and in several: the row locks keep it right."""

from __future__ import annotations

import asyncio
import random

from stoa.kit.ids import uuid7
from stoa.services.inventory.errors import OutOfStock, ReservationExpired, ReservationReleased
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.release import release
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.states import State

ORDER = "018f0000-0000-7000-8000-000000000001"


async def _buy(shops, buyers):
    wanted = [shops[at % len(shops)].reserve(f"buyer-{at}", HOT=1) for at in range(buyers)]
    answers = await asyncio.gather(*wanted, return_exceptions=True)
    held = [answer for answer in answers if isinstance(answer, Reservation)]
    refused = [answer for answer in answers if isinstance(answer, OutOfStock)]
    assert len(held) + len(refused) == buyers
    return answers, held


async def test_200_buyers_of_10_units_in_one_process(shop):
    await shop.put("HOT", 10)
    answers, held = await _buy([shop], 200)
    assert answers[:10] == held, "the first to come are the first to get"
    assert await shop.stock("HOT") == (10, 10)
    await shop.assert_sound()


async def test_200_buyers_of_10_units_in_three_processes(shop, twin):
    await shop.put("HOT", 10)
    _, held = await _buy([shop, twin(), twin()], 200)
    assert len(held) == 10
    assert await shop.stock("HOT") == (10, 10)
    assert [one[:2] for one in await shop.announced()] == [
        ("inventory.back_in_stock", "HOT"),
        ("inventory.sold_out", "HOT"),
    ]
    await shop.assert_sound()


async def test_crossing_baskets_in_three_processes_never_deadlock(shop, twin):
    skus = [f"S{at}" for at in range(12)]
    for sku in skus:
        await shop.put(sku, 40)
    chance = random.Random(7)
    shops = [shop, twin(), twin()]

    async def shopper(number):
        one = shops[number % 3]
        for turn in range(4):
            key = f"{number}-{turn}"
            lines = {sku: chance.randint(1, 3) for sku in chance.sample(skus, 5)}
            try:
                await one.reserve(key, hold_seconds=chance.choice([-1, 900]), **lines)
                await shops[chance.randrange(3)].reserve(key, **lines)
            except OutOfStock:
                continue
            if chance.random() < 0.5:
                await release(shops[chance.randrange(3)].inventory, key)

    async def sweeper(one):
        for _ in range(10):
            await expire_holds(one.inventory)

    await asyncio.gather(*(shopper(number) for number in range(40)), *(sweeper(one) for one in shops))
    await shop.assert_sound()


async def test_one_key_sent_to_three_processes_is_one_reservation(shop, twin):
    await shop.put("A", 100)
    shops = [shop, twin(), twin()]
    for round_ in range(10):
        keys = [f"{round_}-{at}" for at in range(8)]
        answers = await asyncio.gather(*(one.reserve(key, A=1) for one in shops for key in keys))
        assert len({answer.id for answer in answers}) == 8
    assert await shop.stock("A") == (100, 80)
    await shop.assert_sound()


async def test_release_racing_reserve_leaves_nothing_taken(shop, twin):
    await shop.put("A", 1000)
    other = twin()
    for at in range(40):
        key = f"k{at}"
        await asyncio.gather(shop.reserve(key, A=3), release(other.inventory, key), return_exceptions=True)
        try:
            await shop.reserve(key, A=3)
            raise AssertionError("a released key came back")
        except ReservationReleased:
            pass
        assert (await shop.reservation(key)).state is State.RELEASED
    assert await shop.stock("A") == (1000, 0)
    await shop.assert_sound()


async def test_expiry_racing_allocate_has_one_winner(shop, twin):
    await shop.put("A", 1000)
    other = twin()
    outcomes = set()
    for at in range(40):
        key = f"k{at}"
        await shop.reserve(key, A=1, hold_seconds=-1)
        allocated, _ = await asyncio.gather(
            shop.allocate(key, ORDER), expire_holds(other.inventory), return_exceptions=True
        )
        state = (await shop.reservation(key)).state
        if isinstance(allocated, Reservation):
            assert state is State.ALLOCATED
        else:
            assert isinstance(allocated, ReservationExpired)
            assert state is State.EXPIRED
        outcomes.add(state)
    assert outcomes <= {State.ALLOCATED, State.EXPIRED}
    promised = await shop.db.fetchval("SELECT count(*) FROM reservations WHERE state = 'allocated'")
    assert await shop.stock("A") == (1000, promised)
    await shop.assert_sound()


async def test_counting_while_it_sells_never_goes_below_what_is_promised(shop, twin):
    await shop.put("HOT", 50)
    other = twin()

    async def count():
        for on_hand in (40, 20, 5, 60):
            try:
                await other.put("HOT", on_hand)
            except Exception as refused:
                assert type(refused).__name__ == "BelowReserved"

    await asyncio.gather(_buy([shop, twin()], 100), count())
    on_hand, reserved = await shop.stock("HOT")
    assert 0 <= reserved <= on_hand
    await shop.assert_sound()


async def test_expiry_racing_an_extension_has_one_winner(shop, twin):
    await shop.put("A", 100)
    await shop.backorder("B", 100)
    other = twin()
    states = set()
    for at in range(30):
        key = f"k{at}"
        held = await shop.reserve(key, A=1, B=2, hold_seconds=-1)
        again, ended = await asyncio.gather(shop.reserve(key, A=1, B=2), expire_holds(other.inventory))
        # Extended before its end was seen, or taken again after it: either way it is held, and once.
        assert (again.id, again.state, again.lines) == (held.id, State.HELD, {"A": 1, "B": 2})
        assert (await shop.reservation(key)).state is State.HELD
        states.add(ended)
    assert states <= {0, 1}
    assert await shop.stock("A") == (100, 30)
    await shop.assert_sound()


async def test_expiry_racing_a_sale_has_one_winner(shop, twin):
    await shop.put("A", 100)
    await shop.backorder("B", 100)
    other = twin()
    sold = 0
    for at in range(30):
        key, order_id = f"k{at}", uuid7()
        await shop.reserve(key, A=1, B=2, hold_seconds=-1)
        items = [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 2}]
        placing = shop.hear("order.placed", order_id=order_id, reservation_key=key, items=items)
        _, ended = await asyncio.gather(placing, expire_holds(other.inventory))
        state = (await shop.reservation(key)).state
        assert (state, ended) in {(State.COMMITTED, 0), (State.EXPIRED, 1)}
        sold += state is State.COMMITTED
    assert await shop.stock("A") == (100 - sold, 0)
    assert len(await shop.discrepancies()) == 30 - sold
    waiting = [state for *_, state in await shop.backorders("B")]
    assert (waiting.count("open"), waiting.count("expired")) == (sold, 30 - sold)
    await shop.assert_sound()
