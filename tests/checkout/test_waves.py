"""Who waits for the same thing goes on together, in the order of arrival, and nobody holds up the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from checkout.conftest import House, NewHouse, NewShopper, Shopper

from stoa.contracts.common.v1.common_pb2 import Line
from stoa.contracts.inventory.v1.inventory_pb2 import ReserveRequest
from stoa.kit import problems
from stoa.kit.batcher import ShuttingDown
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.ports.destination import Destination
from stoa.services.checkout import waves as waves_of
from stoa.services.checkout.waves import Waves


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
    waves = Waves()
    place = await waves.gate.enter()
    assert await waves.station(act).join(21) == 42
    place.leave()
    assert act.waves == [[21]]


async def test_those_of_a_moment_go_together_in_the_order_of_arrival(act: Recorder):
    station = Waves().station(act)
    assert await asyncio.gather(*(station.join(number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert act.waves == [[0, 1, 2, 3, 4]]


async def test_who_comes_while_a_wave_is_under_way_goes_with_the_next(act: Recorder):
    station = Waves().station(act)
    act.go_on.clear()
    joined = [asyncio.create_task(station.join(0))]
    await until(lambda: act.waves)
    joined += [asyncio.create_task(station.join(number)) for number in range(1, 6)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(act.waves) == 1
    act.go_on.set()
    await asyncio.gather(*joined)
    assert act.waves == [[0], [1, 2, 3, 4, 5]]


async def test_who_comes_while_others_are_ahead_sets_out_together_when_they_have_left():
    gate = Waves().gate
    ahead = await asyncio.gather(gate.enter(), gate.enter())
    coming = [asyncio.create_task(gate.enter()) for _ in range(3)]
    for place in ahead:
        for _ in range(5):
            await asyncio.sleep(0)
        assert not any(one.done() for one in coming)
        place.leave()
        place.leave()
    places = await asyncio.gather(*coming)
    last = asyncio.create_task(gate.enter())
    for place in places:
        await asyncio.sleep(0)
        assert not last.done(), "the three set out together"
        place.leave()
    (await last).leave()


async def test_a_cohort_that_takes_long_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waves_of, "LONGEST_SECONDS", 0.01)
    gate = Waves().gate
    async with asyncio.timeout(5):
        late = await gate.enter()
        ahead = await gate.enter()
    coming = asyncio.create_task(gate.enter())
    late.leave()
    await asyncio.sleep(0)
    assert not coming.done(), "its time was over: the cohort that is ahead is another"
    ahead.leave()
    (await coming).leave()


async def test_who_goes_away_before_the_gate_opens_is_left_out():
    gate = Waves().gate
    first = await gate.enter()
    gone, stays = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gone.cancel()
    first.leave()
    (await stays).leave()
    assert gate._ahead is None


async def test_who_goes_away_when_nobody_else_waits_leaves_the_gate_free():
    gate = Waves().gate
    first = await gate.enter()
    gone = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gone.cancel()
    first.leave()
    async with asyncio.timeout(5):
        (await gate.enter()).leave()


async def test_who_goes_away_as_the_gate_opens_is_not_waited_for():
    gate = Waves().gate
    gone = asyncio.create_task(gate.enter())
    await until(lambda: gate._ahead)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert gate._ahead is None


async def test_who_waits_for_a_bank_keeps_nobody_at_the_gate(act: Recorder, monkeypatch: pytest.MonkeyPatch):
    """Nobody's wave ends, and no cohort has had its time."""
    monkeypatch.setattr(waves_of, "LONGEST_SECONDS", 3600)
    monkeypatch.setattr(waves_of, "PATIENCE_SECONDS", 0.01)
    waves = Waves()
    act.go_on.clear()
    station = waves.station(act)
    async with asyncio.timeout(5):
        waiting = []
        for number in range(3):
            place = await waves.gate.enter()
            waiting.append(asyncio.create_task(station.join(number, place=place)))
        (await waves.gate.enter()).leave()
    act.go_on.set()
    assert await asyncio.gather(*waiting) == [0, 2, 4]


async def test_a_wave_that_takes_long_is_passed(act: Recorder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waves_of, "PATIENCE_SECONDS", 0.01)
    held = asyncio.Event()

    async def slow(members):
        if 0 in members:
            await held.wait()
        return members

    station = Waves().station(slow)
    stuck = asyncio.create_task(station.join(0))
    await until(lambda: station._under_way is not None)
    async with asyncio.timeout(5):
        assert await station.join(1) == 1
        assert await station.join(2) == 2
    held.set()
    assert await stuck == 0


async def test_whoever_waits_is_told_to_come_again_when_it_closes(act: Recorder):
    """At the gate, at a station, and for a wave."""
    waves = Waves()
    station = waves.station(act)
    act.go_on.clear()
    place = await waves.gate.enter()
    waiting = [asyncio.create_task(station.join(0))]
    await until(lambda: act.waves)
    waiting += [asyncio.create_task(each) for each in (waves.gate.enter(), station.join(1))]
    await asyncio.sleep(0)
    waves.gate.close()
    closing = asyncio.create_task(waves.close())
    for one in (*waiting, asyncio.create_task(station.join(2))):
        with pytest.raises(ShuttingDown):
            await one
    assert not closing.done(), "what is under way has its time"
    act.go_on.set()
    await closing
    assert act.waves == [[0]]
    place.leave()


async def test_who_is_refused_is_refused_alone(act: Recorder):
    station = Waves().station(act)
    joined = [asyncio.create_task(station.join(number)) for number in (1, -1, 3)]
    await asyncio.wait(joined)
    assert [joined[0].result(), joined[2].result()] == [2, 6]
    assert isinstance(joined[1].exception(), problems.Conflict)


@pytest.mark.parametrize("failure", [KeyError("sku"), problems.Fault("A call between services failed.")])
async def test_what_fails_a_wave_for_one_of_it_fails_that_one_alone(failure):
    waves: list[int] = []

    async def fails(members):
        waves.append(len(members))
        if 37 in members:
            raise failure
        return members

    station = Waves().station(fails)
    answers = await asyncio.gather(*(station.join(number) for number in range(64)), return_exceptions=True)
    assert answers == [*range(37), failure, *range(38, 64)]
    assert waves[0] == 64
    assert len(waves) == 1 + 2 * 6, "in halves"


async def test_a_wave_that_is_too_large_for_a_call_goes_in_parts():
    calls: list[int] = []

    async def carry(members):
        if sum(members) > 4096:
            raise problems.Fault("A call between services failed.")
        calls.append(len(members))
        return members

    station = Waves().station(carry)
    large = [256] * 32
    assert await asyncio.gather(*map(station.join, large)) == large
    assert calls == [16, 16]


async def test_nobody_is_asked_again_at_once_where_nobody_answers():
    calls: list[int] = []

    async def silent(members):
        calls.append(len(members))
        raise problems.Unavailable("Nobody answers.")

    station = Waves().station(silent)
    answers = await asyncio.gather(*map(station.join, range(3)), return_exceptions=True)
    assert [type(one) for one in answers] == [problems.Unavailable] * 3
    assert calls == [3]


async def test_who_is_well_does_not_wait_for_who_goes_on_in_halves():
    held = asyncio.Event()

    async def fails(members):
        if len(members) > 1 and 3 in members:
            raise KeyError("sku")
        if 3 in members:
            await held.wait()
        return members

    station = Waves().station(fails)
    joined = [asyncio.create_task(station.join(number)) for number in range(4)]
    assert [await one for one in joined[:3]] == [0, 1, 2]
    assert not joined[3].done()
    held.set()
    assert await joined[3] == 3


async def test_who_goes_away_is_left_out(act: Recorder):
    station = Waves().station(act)
    gone = asyncio.create_task(station.join(1))
    stays = asyncio.create_task(station.join(2))
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


@pytest.mark.parametrize(("paused", "next_sets_out"), [("CreateMany", False), ("CaptureMany", True)])
async def test_the_next_set_out_when_those_ahead_have_come_to_the_pivot(
    house: House, shopper: Shopper, monkeypatch: pytest.MonkeyPatch, paused: str, next_sets_out: bool
):
    monkeypatch.setattr(waves_of, "LONGEST_SECONDS", 3600)
    monkeypatch.setattr(waves_of, "PATIENCE_SECONDS", 3600)
    house.road.pause[paused] = asyncio.Event()
    ahead = asyncio.create_task(house.buy(shopper.user))
    while paused not in house.road.taken:
        await asyncio.sleep(0.01)
    coming = asyncio.create_task(house.checkouts.gate.enter())
    for _ in range(10):
        await asyncio.sleep(0)
    assert coming.done() == next_sets_out
    house.road.pause[paused].set()
    (await coming).leave()
    placed = await ahead
    assert placed.answer is not None
    assert placed.answer.status == 201


async def test_whose_cart_cannot_be_read_keeps_nobody_at_the_gate(
    new_house: NewHouse, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(waves_of, "LONGEST_SECONDS", 3600)
    house = await new_house(give_up_after_seconds=3600)
    house.road.closed.add("GetMany")
    trying = asyncio.create_task(house.buy(shopper.user))
    await until(lambda: "GetMany" in house.road.taken)
    async with asyncio.timeout(5):
        (await house.checkouts.gate.enter()).leave()
    house.road.closed.clear()
    placed = await trying
    assert placed.answer is not None
    assert placed.answer.status == 201


class SlowOffice:
    """Taxes that are told when it is time."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.tell = asyncio.Event()

    async def on(
        self,
        parts: Sequence[Money],
        currency: str,
        destination: Destination | None,  # noqa: ARG002 - the port's
    ) -> tuple[list[Money], str]:
        self.asked.set()
        await self.tell.wait()
        return [Money(0, currency) for _ in parts], "none is due"


async def test_who_waits_for_the_tax_office_keeps_nobody_at_the_gate(
    new_house: NewHouse, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(waves_of, "LONGEST_SECONDS", 3600)
    office = SlowOffice()
    house = await new_house(taxes=office, call_timeout_seconds=3600, give_up_after_seconds=3600)
    waiting = asyncio.create_task(house.buy(shopper.user))
    await office.asked.wait()
    async with asyncio.timeout(5):
        (await house.checkouts.gate.enter()).leave()
    office.tell.set()
    placed = await waiting
    assert placed.answer is not None
    assert placed.answer.status == 201


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
