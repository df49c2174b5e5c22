"""One key, one order: repeats, other bodies, other processes, and too many at once."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from checkout.conftest import REFUSED, House, NewHouse, NewShopper, Shopper

from stoa.kit.telemetry.metrics import SAGA_STEPS, SAGAS_ENDED
from stoa.services.checkout.errors import KeyReused, Overloaded, RequestInProgress
from stoa.services.checkout.states import State


async def orders_of(house: House, shopper: Shopper) -> int:
    count: int = await house.market.db("order").fetchval(
        "SELECT count(*) FROM orders WHERE user_id = $1", shopper.user.id
    )
    return count


async def test_many_tabs_with_one_key_make_one_order(house: House, shopper: Shopper):
    placed = await asyncio.gather(*(house.buy(shopper.user, key="k") for _ in range(10)))
    assert {one.answer.status for one in placed if one.answer} == {201}
    assert len({one.answer.body for one in placed if one.answer}) == 1
    assert sorted(one.replayed for one in placed) == [False] + [True] * 9
    assert await orders_of(house, shopper) == 1
    await shopper.assert_order_stands(await house.row(placed[0].checkout_id))


async def test_a_repeat_gets_the_same_bytes_also_from_another_process(new_house: NewHouse, shopper: Shopper):
    house = await new_house()
    first = await house.buy(shopper.user, key="k")
    other = await new_house(beside=house)
    for again in (await house.buy(shopper.user, key="k"), await other.buy(shopper.user, key="k")):
        assert (again.answer, again.order_id, again.replayed) == (first.answer, first.order_id, True)
    assert await orders_of(house, shopper) == 1


async def test_a_refusal_is_kept_too(house: House, shopper: Shopper):
    first = await house.buy(shopper.user, key="k", token="tok_declined")
    again = await house.buy(shopper.user, key="k", token="tok_declined")
    assert first.answer is not None
    assert (first.answer.status, again.answer, again.replayed) == (402, first.answer, True)
    other = await house.buy(shopper.user, key="another")
    assert other.answer is not None
    assert other.answer.status == 201


async def test_a_repeat_that_finds_its_cart_bought_counts_as_no_failure(house: House, shopper: Shopper):
    def counted() -> tuple[float, float]:
        return SAGAS_ENDED.labels("failed")._value.get(), SAGA_STEPS.labels("snapshot", "refused")._value.get()

    first = await house.buy(shopper.user, key="k")
    ended, refused = counted()
    again = await house.buy(shopper.user, key="k")
    assert (again.answer, again.replayed) == (first.answer, True)
    assert counted() == (ended, refused)
    other = await house.buy(shopper.user, key="another")
    assert other.answer is not None
    assert other.answer.status == 409
    assert counted() == (ended + 1, refused + 1)


async def test_another_body_under_the_key_is_refused(house: House, shopper: Shopper):
    await house.buy(shopper.user, key="k", body=b"one")
    with pytest.raises(KeyReused) as refusal:
        await house.buy(shopper.user, key="k", body=b"another")
    assert (refusal.value.status, refusal.value.field) == (422, "Idempotency-Key")
    assert await orders_of(house, shopper) == 1


async def test_a_key_is_its_users_own(house: House, new_shopper: NewShopper):
    ada, eve = await new_shopper(), await new_shopper()
    first = await house.buy(ada.user, key="1")
    second = await house.buy(eve.user, key="1")
    assert first.order_id != second.order_id
    assert (await house.row(second.checkout_id)).purchase.user_id == eve.user.id


async def test_a_repeat_waits_and_is_told_when_it_takes_too_long(new_house: NewHouse, shopper: Shopper):
    house = await new_house(repeat_waits_seconds=0.3)
    other = await new_house(beside=house, repeat_waits_seconds=0.3)
    house.road.pause["CaptureMany"] = asyncio.Event()
    first = asyncio.create_task(house.buy(shopper.user, key="k"))
    while "CaptureMany" not in house.road.taken:
        await asyncio.sleep(0.01)
    for process in (house, other):
        with pytest.raises(RequestInProgress) as refusal:
            await process.buy(shopper.user, key="k")
        assert refusal.value.status == 409
    waiting = [asyncio.create_task(process.buy(shopper.user, key="k")) for process in (house, other)]
    await asyncio.sleep(0.05)
    house.road.pause["CaptureMany"].set()
    placed = await first
    for repeat in waiting:
        assert (await repeat).answer == placed.answer
    assert await orders_of(house, shopper) == 1


async def test_a_shopper_who_goes_away_still_gets_the_order(house: House, shopper: Shopper):
    house.road.pause["CaptureMany"] = asyncio.Event()
    request = asyncio.create_task(house.buy(shopper.user, key="k"))
    while "CaptureMany" not in house.road.taken:
        await asyncio.sleep(0.01)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    house.road.pause["CaptureMany"].set()
    placed = await house.buy(shopper.user, key="k")
    assert placed.answer is not None
    assert (placed.answer.status, placed.replayed) == (201, True)
    await shopper.assert_order_stands(await house.row(placed.checkout_id))


async def test_a_shopper_who_goes_away_while_the_claim_is_written_still_gets_the_order(
    new_house: NewHouse, shopper: Shopper
):
    house = await new_house(lease_seconds=60.0)
    session = await asyncpg.connect(house.db.dsn)
    holding = session.transaction()
    await holding.start()
    await session.execute("LOCK TABLE checkouts IN SHARE MODE")
    request = asyncio.create_task(house.buy(shopper.user, key="k"))
    async with asyncio.timeout(5):
        while not await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.005)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await holding.rollback()
    await session.close()
    placed = await house.buy(shopper.user, key="k")
    assert placed.answer is not None
    assert (placed.answer.status, placed.replayed) == (201, True)
    await shopper.assert_order_stands(await house.row(placed.checkout_id))
    assert house.checkouts.gate._ahead is None


async def test_a_refusal_whose_undoing_takes_long_is_told_to_a_repeat(new_house: NewHouse, shopper: Shopper):
    house = await new_house(repeat_waits_seconds=0.1)
    house.road.fates["CreateMany"].append(REFUSED)
    house.road.closed.add("VoidMany")
    first = await house.buy(shopper.user, key="k")
    again = await house.buy(shopper.user, key="k")
    assert first.answer is not None
    assert (again.answer, again.replayed) == (first.answer, True)
    house.road.closed.clear()
    assert (await house.ended(first.checkout_id)).state is State.FAILED


async def test_a_key_that_was_given_up_is_not_free_before_all_is_undone(new_house: NewHouse, shopper: Shopper):
    house = await new_house(give_up_after_seconds=0.1, repeat_waits_seconds=0.1)
    house.road.closed.update({"AuthorizeMany", "VoidMany"})
    first = await house.buy(shopper.user, key="k")
    assert first.answer is not None
    assert first.answer.status == 503
    with pytest.raises(RequestInProgress):
        await house.buy(shopper.user, key="k")
    house.road.closed.clear()
    await house.ended(first.checkout_id)
    again = await house.buy(shopper.user, key="k")
    assert again.answer is not None
    assert again.answer.status == 201
    assert await orders_of(house, shopper) == 1


async def test_too_many_at_once_are_turned_away_before_anything_is_begun(new_house: NewHouse, new_shopper: NewShopper):
    house = await new_house(most_at_once=2)
    house.road.pause["ReserveMany"] = asyncio.Event()
    shoppers = [await new_shopper() for _ in range(3)]
    begun = [asyncio.create_task(house.buy(shopper.user, key="k")) for shopper in shoppers[:2]]
    while len(house.checkouts.runner._runs) < 2:
        await asyncio.sleep(0.01)
    with pytest.raises(Overloaded) as refusal:
        await house.buy(shoppers[2].user, key="k")
    assert refusal.value.status == 503
    assert await house.db.fetchval("SELECT count(*) FROM checkouts") == 2
    repeat = asyncio.create_task(house.buy(shoppers[0].user, key="k"))
    await asyncio.sleep(0.02)
    house.road.pause["ReserveMany"].set()
    placed = [await each for each in (*begun, repeat)]
    assert [one.replayed for one in placed] == [False, False, True]
    assert placed[2].answer == placed[0].answer
    assert (await house.buy(shoppers[2].user, key="k")).answer is not None


async def test_checkouts_of_a_moment_share_their_commits(house: House, new_shopper: NewShopper):
    shoppers = [await new_shopper() for _ in range(12)]
    flushes: list[int] = []
    flush = house.checkouts.claims._flush

    async def counted(items):
        flushes.append(len(items))
        return await flush(items)

    house.checkouts.claims._flush = counted
    placed = await asyncio.gather(*(house.buy(shopper.user) for shopper in shoppers))
    assert {one.answer.status for one in placed if one.answer} == {201}
    assert sum(flushes) == 12
    assert len(flushes) <= 2
