"""Many requests in one call: what becomes of each, and who waits for whom."""

from __future__ import annotations

import asyncio

import pytest

from stoa.contracts.common.v1.common_pb2 import Done, Origin, Outcome
from stoa.kit import context, many, problems
from stoa.kit.batcher import Batcher, origin_of
from stoa.kit.context import Context
from stoa.kit.many import UnderWay, each, gathered, origins_of, outcome, results_of


async def done(result: int) -> int:
    return result


async def refused() -> int:
    raise problems.Conflict("No.", sku="TEA-1")


async def test_each_has_a_result_of_its_own_in_its_place() -> None:
    first, second, third = await gathered([done(1), refused(), done(3)])
    assert (first, third) == (1, 3)
    assert isinstance(second, problems.Conflict)
    assert await gathered([]) == []


async def test_who_takes_long_is_under_way_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "WAIT_SECONDS", 0.01)
    go_on, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> int:
        await go_on.wait()
        ended.set()
        return 2

    first, second = await gathered([done(1), slow()])
    assert first == 1
    assert isinstance(second, UnderWay)
    go_on.set()
    async with asyncio.timeout(5):
        await ended.wait()


async def test_what_takes_its_time_for_all_of_them_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "WAIT_SECONDS", 0.0)
    at_once = asyncio.Event()

    async def one_of_all() -> int:
        await at_once.wait()
        return 1

    asyncio.get_running_loop().call_later(0.01, at_once.set)
    assert await gathered([one_of_all() for _ in range(100)]) == [1] * 100


async def test_where_all_are_slow_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(many, "FIRST_SECONDS", 0.01)
    never = asyncio.get_running_loop().create_future
    assert [type(one) for one in await gathered([never(), never()])] == [UnderWay, UnderWay]


async def test_one_alone_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "WAIT_SECONDS", 0.0)

    async def slow() -> int:
        for _ in range(10):
            await asyncio.sleep(0)
        return 2

    assert await gathered([slow()]) == [2]


async def test_who_is_canceled_cancels_what_has_not_ended() -> None:
    forever = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(gathered([forever, done(1)]))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert forever.cancelled()


async def test_each_begins_in_the_context_of_its_origin_and_goes_on_whoever_waits() -> None:
    begun: list[tuple[int, str]] = []
    running = asyncio.get_running_loop().create_future()

    def begin(request: int, origin: Context) -> asyncio.Future[int]:
        if request == 2:
            raise problems.Conflict("No.", sku="TEA-1")
        begun.append((request, origin.request_id))
        return running

    origins = [Origin(traceparent=context.fresh().traceparent, request_id=f"r{one}") for one in (1, 2, 3)]
    waiting = asyncio.create_task(each(begin, [1, 2, 3], origins))
    await asyncio.sleep(0)
    assert begun == [(1, "r1"), (3, "r3")]
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not running.done()
    running.set_result(7)
    first, second, third = await each(begin, [1, 2, 3], origins)
    assert (first, third) == (7, 7)
    assert isinstance(second, problems.Conflict)


async def test_beside_one_that_cannot_begin_nobody_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "WAIT_SECONDS", 0.01)
    never = asyncio.get_running_loop().create_future()

    def begin(request: int, _: Context) -> asyncio.Future[int]:
        if request == 2:
            raise problems.Conflict("No.")
        return never

    first, second = await each(begin, [1, 2], [])
    assert isinstance(first, UnderWay)
    assert isinstance(second, problems.Conflict)


def test_an_outcome_says_that_it_is_done_or_why_not_or_neither() -> None:
    refusal = problems.Conflict("No.", field="lines", sku="TEA-1")
    told = [outcome(Outcome, each, lambda _: Done()) for each in (1, refusal, UnderWay("later"), KeyError("sku"))]
    read = results_of([Outcome.FromString(each.SerializeToString()) for each in told])
    assert isinstance(read[0], Done)
    assert isinstance(read[1], problems.Conflict)
    assert read[1].document() == refusal.document()
    assert isinstance(read[2], UnderWay)
    assert isinstance(read[3], problems.Fault)
    assert "sku" not in read[3].detail


def test_each_has_the_trace_of_its_origin_and_without_one_that_of_the_call() -> None:
    told = context.fresh(request_id="from-afar")
    one, other = origins_of([Origin(traceparent=told.traceparent, request_id=told.request_id), Origin()], 2)
    assert (one.trace_id, one.request_id) == (told.trace_id, "from-afar")
    assert other.trace_id != told.trace_id
    with context.using(told):
        assert origins_of([], 2) == [told, told]


async def test_a_batch_takes_many_with_their_origins_in_one_flush() -> None:
    batches: list[list[tuple[str, str]]] = []

    async def flush(items):
        batches.append([(item, origin_of(item).request_id) for item in items])
        return [ValueError(item) if item == "bad" else item.upper() for item in items]

    batcher: Batcher[str, str] = Batcher(flush, locks=lambda item: (item,))
    origins = [context.fresh(request_id=name) for name in ("r1", "r2", "r3")]
    first, second, third = await batcher.submit_many(["tea", "bad", "jam"], origins)
    assert (first, third) == ("TEA", "JAM")
    assert isinstance(second, ValueError)
    assert batches == [[("tea", "r1"), ("bad", "r2"), ("jam", "r3")]]


async def test_of_many_in_a_batch_who_waits_for_another_is_under_way_and_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(many, "WAIT_SECONDS", 0.01)
    free = asyncio.Event()

    async def flush(items):
        if items[0] == "held":
            await free.wait()
        return [item.upper() for item in items]

    batcher: Batcher[str, str] = Batcher(flush, locks=lambda item: (item,), most=1)
    here = context.fresh()
    held, behind = await batcher.submit_many(["held", "jam"], [here, here])
    assert isinstance(held, UnderWay)
    assert isinstance(behind, UnderWay) or behind == "JAM"
    free.set()
    assert await batcher.submit_many(["held"], [here]) == ["HELD"]
