"""Group commit: when a batch leaves, what is in it, and whom its failures reach."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import asyncpg
import pytest
from timing import timed

from stoa.kit import batcher as kit_batcher
from stoa.kit import context, lock_queue
from stoa.kit.batcher import MOST_FLUSHES, Batcher, ShuttingDown, isolating, origin_of
from stoa.kit.db import CallInsideTransaction, Locked

WHO: ContextVar[str] = ContextVar("who", default="nobody")


class Recorder:
    """A flush that doubles numbers, refuses negative ones, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.seen: list[str] = []

    async def __call__(self, items):
        self.batches.append(list(items))
        self.seen.append(WHO.get())
        await self.go_on.wait()
        return [ValueError(item) if item < 0 else 2 * item for item in items]


def itself(number: int) -> tuple[int]:
    """What an item locks: here a row of its own."""
    return (number,)


@pytest.fixture
def flush() -> Recorder:
    return Recorder()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_the_first_goes_at_once_and_what_gathers_meanwhile_goes_together_in_order(flush) -> None:
    batcher = Batcher(flush, locks=itself)
    assert await batcher.submit(1) == 2
    flush.go_on.clear()
    first = asyncio.create_task(batcher.submit(2))
    await until(lambda: len(flush.batches) == 2)
    others = [asyncio.create_task(batcher.submit(n)) for n in range(3, 8)]
    await asyncio.sleep(0)
    flush.go_on.set()
    assert await asyncio.gather(first, *others) == [4, 6, 8, 10, 12, 14]
    assert flush.batches == [[1], [2], [3, 4, 5, 6, 7]]


async def test_a_batch_has_a_largest_size(flush) -> None:
    batcher = Batcher(flush, locks=itself, most=3)
    assert await asyncio.gather(*(batcher.submit(n) for n in range(7))) == [0, 2, 4, 6, 8, 10, 12]
    assert flush.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_one_exception_fails_one_item(flush) -> None:
    batcher = Batcher(flush, locks=itself)
    results = await asyncio.gather(*(batcher.submit(n) for n in (1, -1, 2)), return_exceptions=True)
    assert results[0] == 2
    assert isinstance(results[1], ValueError)
    assert results[2] == 4
    assert flush.batches == [[1, -1, 2]]


async def test_a_flush_that_raises_fails_its_batch_and_not_the_next() -> None:
    async def flush(items):
        if 13 in items:
            raise ConnectionError("gone")
        return list(items)

    batcher = Batcher(flush, locks=itself, most=2)
    results = await asyncio.gather(*(batcher.submit(n) for n in (1, 13, 2, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, ConnectionError, int, int]


async def test_a_flush_that_answers_too_few_fails_its_batch() -> None:
    async def flush(items):
        return list(items)[1:]

    with pytest.raises(RuntimeError, match="a flush of 1 items answered 0"):
        await Batcher(flush, locks=itself).submit(1)


async def test_a_caller_that_goes_away_takes_its_waiting_item_back_and_breaks_nothing(flush) -> None:
    batcher = Batcher(flush, locks=itself)
    flush.go_on.clear()
    running = asyncio.create_task(batcher.submit(1))
    beside = asyncio.create_task(batcher.submit(2))
    await until(lambda: flush.batches)
    waiting = asyncio.create_task(batcher.submit(3))
    after = asyncio.create_task(batcher.submit(4))
    await asyncio.sleep(0)
    running.cancel()
    waiting.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    flush.go_on.set()
    assert await asyncio.gather(beside, after) == [4, 8]
    assert flush.batches == [[1, 2], [4]]


async def test_a_flush_knows_nothing_of_its_callers(flush) -> None:
    WHO.set("a caller")
    assert await Batcher(flush, locks=itself).submit(1) == 2
    assert flush.seen == ["nobody"]


async def test_each_item_keeps_the_trace_in_which_it_was_asked_for():
    async def traces(items):
        return [origin_of(item).trace_id for item in items]

    batcher: Batcher[int, str] = Batcher(isolating(traces), locks=itself)

    async def ask(item: int, trace_id: str) -> str:
        with context.using(context.fresh(traceparent=f"00-{trace_id}-{'1' * 16}-01")):
            return await batcher.submit(item)

    asked = [digit * 32 for digit in "abc"]
    assert await asyncio.gather(*(ask(1000 + n, trace) for n, trace in enumerate(asked))) == asked
    assert origin_of(1000) is context.current()


async def test_closing_answers_what_it_took_and_takes_nothing_more(flush) -> None:
    batcher = Batcher(flush, locks=itself)
    flush.go_on.clear()
    tasks = [asyncio.create_task(batcher.submit(1))]
    await until(lambda: flush.batches)
    tasks.append(asyncio.create_task(batcher.submit(2)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(ShuttingDown):
        await batcher.submit(3)
    flush.go_on.set()
    await closing
    assert [task.result() for task in tasks] == [2, 4]
    assert flush.batches == [[1], [2]]


async def test_nobody_waits_for_a_batch_with_a_transaction_open(flush, database) -> None:
    db = await database("cart")
    async with db.transaction():
        with pytest.raises(CallInsideTransaction, match="a batch while a transaction of cart is open"):
            await Batcher(flush, locks=itself).submit(1)
    assert flush.batches == []


@pytest.mark.parametrize("refusal", [asyncpg.UniqueViolationError, asyncpg.DataError])
async def test_what_the_database_refuses_fails_alone_where_it_is_isolating(refusal):
    flushed: list[list[int]] = []

    async def all_or_nothing(items):
        flushed.append(list(items))
        if any(item < 0 for item in items):
            raise refusal("a negative one")
        return [2 * item for item in items]

    batcher: Batcher[int, int] = Batcher(isolating(all_or_nothing), locks=itself)
    answers = await asyncio.gather(*(batcher.submit(item) for item in (1, -2, 3)), return_exceptions=True)
    assert (answers[0], type(answers[1]), answers[2]) == (2, refusal, 6)
    assert flushed == [[1, -2, 3], [1], [-2], [3]]


async def test_what_is_not_in_the_batch_fails_all_of_it():
    async def lost(items):
        raise asyncpg.DeadlockDetectedError("not for what is in it")

    batcher: Batcher[int, int] = Batcher(isolating(lost), locks=itself)
    answers = await asyncio.gather(*(batcher.submit(item) for item in (1, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncpg.DeadlockDetectedError] * 2


class Rows:
    """A flush over rows of which some are held: it waits a while for them, as a session does, then it is `Locked`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.held: set[str] = set()
        self.wait = 0.25

    async def __call__(self, items):
        self.batches.append(sorted(items))
        if not self.held.isdisjoint("".join(items)):
            await asyncio.sleep(self.wait)
            if not self.held.isdisjoint("".join(items)):
                raise Locked("held")
        return [item.lower() for item in items]


async def test_a_held_lock_stops_nobody_who_does_not_need_it() -> None:
    rows = Rows()
    batcher: Batcher[str, str] = Batcher(rows, locks=set)
    rows.held = {"K"}
    stuck = asyncio.create_task(timed(batcher.submit("K")))
    await asyncio.sleep(0)
    others = [timed(batcher.submit(each)) for each in ("A", "B", "AB", "AK")]
    (a, took_a), (b, _), (ab, took_ab), (ak, _) = await asyncio.gather(*others)
    assert (a, b, ab) == ("a", "b", "ab")
    assert max(took_a, took_ab) < rows.wait
    assert ((await stuck)[0], ak) == (Locked, Locked)


async def test_a_batch_that_meets_a_held_lock_is_taken_apart() -> None:
    rows = Rows()
    batcher: Batcher[str, str] = Batcher(rows, locks=set)
    rows.held = {"K"}
    first = asyncio.create_task(batcher.submit("Z"))
    await asyncio.sleep(0)
    results = await asyncio.gather(
        *(batcher.submit(each) for each in ("A", "K", "B", "K", "CK")), return_exceptions=True
    )
    assert await first == "z"
    assert [each if isinstance(each, str) else type(each) for each in results] == ["a", Locked, "b", Locked, Locked]
    # The two who need the same went together, and who needs more than they was not tried in vain.
    assert rows.batches == [["Z"], ["A", "B", "CK", "K", "K"], ["A"], ["B"], ["K", "K"]] or rows.batches[2:] == [
        ["A"],
        ["K", "K"],
        ["B"],
    ]


async def test_who_needs_what_was_held_goes_without_others_for_a_while(monkeypatch) -> None:
    rows = Rows()
    rows.wait = 0.05
    batcher: Batcher[str, str] = Batcher(rows, locks=set)
    rows.held = {"K"}
    assert (await timed(batcher.submit("K")))[0] is Locked
    rows.batches.clear()
    results = await asyncio.gather(*(timed(batcher.submit(each)) for each in ("A", "K", "B")))
    assert [result for result, _ in results] == ["a", Locked, "b"]
    assert ["A", "B"] in rows.batches or ["A"] in rows.batches
    assert all("K" not in batch or batch == ["K"] for batch in rows.batches)
    monkeypatch.setattr(lock_queue, "SUSPECT_SECONDS", 0.0)
    assert (await timed(batcher.submit("K")))[0] is Locked
    rows.held.clear()
    rows.batches.clear()
    first = asyncio.create_task(batcher.submit("A"))
    await asyncio.sleep(0)
    assert await asyncio.gather(batcher.submit("K"), batcher.submit("B")) == ["k", "b"]
    assert await first == "a"
    assert rows.batches == [["A"], ["B", "K"]]


async def test_many_held_locks_leave_the_way_free(monkeypatch) -> None:
    monkeypatch.setattr(kit_batcher, "PATIENCE_SECONDS", 0.01)
    rows = Rows()
    batcher: Batcher[str, str] = Batcher(rows, locks=set)
    rows.held = set("KLMNO")
    first = await asyncio.gather(*(timed(batcher.submit(each)) for each in rows.held))
    assert {result for result, _ in first} == {Locked}
    rows.wait = 60.0
    stuck = [asyncio.create_task(timed(batcher.submit(each))) for each in sorted(rows.held)]
    await until(lambda: len(batcher._flushes) == MOST_FLUSHES - 1)
    assert await asyncio.wait_for(batcher.submit("A"), 5) == "a"
    assert not any(each.done() for each in stuck)
    await batcher.close(within_seconds=0)
    assert {result for result, _ in await asyncio.gather(*stuck)} == {ShuttingDown}


async def test_closing_has_an_end(flush) -> None:
    batcher = Batcher(flush, locks=itself)
    flush.go_on.clear()
    tasks = [asyncio.create_task(batcher.submit(n)) for n in (1, 2)]
    await until(lambda: flush.batches)
    tasks.append(asyncio.create_task(batcher.submit(1)))
    await asyncio.sleep(0)
    await asyncio.wait_for(batcher.close(within_seconds=0.05), 1)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ShuttingDown] * 3
