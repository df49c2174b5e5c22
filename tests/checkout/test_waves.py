"""Who waits for the same thing goes on together, in the order in which they began, and nobody holds up the others."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest
from checkout.conftest import House, NewShopper

from stoa.contracts.common.v1.common_pb2 import Line
from stoa.contracts.inventory.v1.inventory_pb2 import ReserveRequest
from stoa.kit import problems
from stoa.kit.ids import uuid7
from stoa.kit.many import UnderWay
from stoa.services.checkout import waves as waves_of
from stoa.services.checkout.waves import MOST_LINES, MOST_UNDER_WAY, Waves


class Recorder:
    """An act that doubles numbers, refuses negative ones, and can be held up."""

    def __init__(self) -> None:
        self.waves: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, members):
        self.waves.append(list(members))
        await self.go_on.wait()
        return [problems.Conflict("No.") if member < 0 else 2 * member for member in members]


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


@pytest.fixture
def act() -> Recorder:
    return Recorder()


async def test_one_alone_goes_at_once(act: Recorder):
    station = Waves().station(act)
    assert await station.join(21, began=0) == 42
    assert act.waves == [[21]]


async def test_those_of_a_moment_go_together_in_the_order_in_which_they_began(act: Recorder):
    station = Waves().station(act)
    results = await asyncio.gather(*(station.join(number, began=-number) for number in range(1, 6)))
    assert results == [2, 4, 6, 8, 10]
    assert act.waves == [[5, 4, 3, 2, 1]]


async def test_while_enough_are_under_way_the_others_gather(act: Recorder):
    station = Waves().station(act)
    act.go_on.clear()
    joined = []
    for number in range(MOST_UNDER_WAY):
        joined.append(asyncio.create_task(station.join(number, began=number)))
        await until(lambda wanted=number + 1: len(act.waves) == wanted)
    joined += [asyncio.create_task(station.join(number, began=number)) for number in range(10, 20)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(act.waves) == MOST_UNDER_WAY
    act.go_on.set()
    await asyncio.gather(*joined)
    assert act.waves[MOST_UNDER_WAY:] == [list(range(10, 20))]


async def test_the_next_is_the_station_of_who_began_first(act: Recorder):
    waves = Waves()
    stations = [waves.station(act) for _ in range(MOST_UNDER_WAY)]
    entry, later = waves.station(act), waves.station(act)
    act.go_on.clear()
    joined = [asyncio.create_task(station.join(1, began=1)) for station in stations]
    await until(lambda: len(act.waves) == MOST_UNDER_WAY)
    joined += [asyncio.create_task(entry.join(100, began=100)), asyncio.create_task(later.join(50, began=50))]
    await asyncio.sleep(0)
    act.go_on.set()
    await asyncio.gather(*joined)
    assert act.waves[MOST_UNDER_WAY:] == [[50], [100]]


async def test_a_wave_that_takes_long_is_passed(act: Recorder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waves_of, "PATIENCE_SECONDS", 0.01)
    waves = Waves()
    slow, quick = waves.station(act), waves.station(Recorder())
    act.go_on.clear()
    held = [asyncio.create_task(slow.join(number, began=number)) for number in range(3)]
    async with asyncio.timeout(5):
        assert await quick.join(1, began=10) == 2
        assert await quick.join(2, began=11) == 4
    act.go_on.set()
    assert await asyncio.gather(*held) == [0, 2, 4]


async def test_who_is_refused_is_refused_alone(act: Recorder):
    station = Waves().station(act)
    joined = [asyncio.create_task(station.join(number, began=at)) for at, number in enumerate((1, -1, 3))]
    await asyncio.wait(joined)
    assert [joined[0].result(), joined[2].result()] == [2, 6]
    assert isinstance(joined[1].exception(), problems.Conflict)


@pytest.mark.parametrize(
    ("failure", "heard"),
    [
        (KeyError("sku"), UnderWay),
        (problems.TooLarge("Too much."), UnderWay),
        (problems.Unavailable("Nobody answers."), problems.Unavailable),
    ],
)
async def test_what_fails_a_whole_wave_is_tried_alone_unless_nobody_answers(failure, heard):
    async def fails(members):
        if len(members) > 1 or members[0] == 2:
            raise failure
        return members

    station = Waves().station(fails)
    joined = [asyncio.create_task(station.join(number, began=number)) for number in range(3)]
    await asyncio.wait(joined)
    assert [type(one.exception()) for one in joined] == [heard] * 3
    assert await station.alone(1) == 1
    with pytest.raises(type(failure)):
        await station.alone(2)


async def test_a_wave_carries_so_many_lines_at_most_and_always_one(act: Recorder):
    station = Waves().station(act)
    large = [station.join(number, began=number, lines=MOST_LINES // 2) for number in range(3)]
    await asyncio.gather(*large, station.join(9, began=9, lines=10 * MOST_LINES))
    assert act.waves == [[0, 1], [2], [9]]


async def test_who_goes_away_is_left_out(act: Recorder):
    station = Waves().station(act)
    gone = asyncio.create_task(station.join(1, began=1))
    stays = asyncio.create_task(station.join(2, began=2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 4
    assert act.waves == [[2]]


async def test_orders_of_a_moment_are_hardly_more_calls_than_one_order(house: House, new_shopper: NewShopper):
    shoppers = [await new_shopper() for _ in range(12)]
    placed = await asyncio.gather(*(house.buy(shopper.user) for shopper in shoppers))
    assert {one.answer.status for one in placed if one.answer} == {201}
    calls = Counter(house.road.taken)
    # Who is slow on a busy machine goes on alone.
    assert max(calls.values()) <= 4, calls
    for shopper, one in zip(shoppers, placed, strict=True):
        await shopper.assert_order_stands(await house.row(one.checkout_id))


async def test_members_that_are_refused_or_slow_hold_up_nobody(house: House, new_shopper: NewShopper):
    """One card is declined, another's bank does not answer until its time is up, and one thing is sold out."""
    shoppers = [await new_shopper() for _ in range(6)]
    poor = await new_shopper()
    taken = ReserveRequest(key=uuid7(), lines=[Line(sku=poor.sku, quantity=9)])
    await house.market.stub("inventory").Reserve(taken)
    tokens = ["tok_ok"] * 4 + ["tok_declined", "tok_timeout", "tok_ok"]
    ended: list[str] = []

    async def buy(buyer, token: str) -> str:
        placed = await house.buy(buyer.user, token=token)
        assert placed.answer is not None
        ended.append(token)
        problem = msgspec.json.decode(placed.answer.body).get("type", "")
        return f"{placed.answer.status}{problem}"

    answers = await asyncio.gather(*(buy(*each) for each in zip((*shoppers, poor), tokens, strict=True)))
    assert answers[:4] == ["201"] * 4
    assert answers[4] == "402/problems/payment-declined"
    assert answers[5] in {"201", "402/problems/payment-timed-out"}
    assert answers[6] == "409/problems/out-of-stock"
    assert ended[-1] == "tok_timeout"
