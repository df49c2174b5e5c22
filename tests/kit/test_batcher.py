"""Group commit: when a batch leaves, what is in it, and whom its failures reach."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import asyncpg
import pytest

from stoa.kit.batcher import Batcher, ShuttingDown, isolating
from stoa.kit.db import CallInsideTransaction

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


@pytest.fixture
def flush() -> Recorder:
    return Recorder()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_the_first_goes_at_once_and_what_gathers_meanwhile_goes_together_in_order(flush) -> None:
    batcher = Batcher(flush)
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
    batcher = Batcher(flush, most=3)
    assert await asyncio.gather(*(batcher.submit(n) for n in range(7))) == [0, 2, 4, 6, 8, 10, 12]
    assert flush.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_one_exception_fails_one_item(flush) -> None:
    batcher = Batcher(flush)
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

    batcher = Batcher(flush, most=2)
    results = await asyncio.gather(*(batcher.submit(n) for n in (1, 13, 2, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, ConnectionError, int, int]


async def test_a_flush_that_answers_too_few_fails_its_batch() -> None:
    async def flush(items):
        return list(items)[1:]

    with pytest.raises(RuntimeError, match="a flush of 1 items answered 0"):
        await Batcher(flush).submit(1)


async def test_a_caller_that_goes_away_takes_its_waiting_item_back_and_breaks_nothing(flush) -> None:
    batcher = Batcher(flush)
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
    assert await Batcher(flush).submit(1) == 2
    assert flush.seen == ["nobody"]


async def test_closing_answers_what_it_took_and_takes_nothing_more(flush) -> None:
    batcher = Batcher(flush)
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
            await Batcher(flush).submit(1)
    assert flush.batches == []


@pytest.mark.parametrize("refusal", [asyncpg.UniqueViolationError, asyncpg.DataError])
async def test_what_the_database_refuses_fails_alone_where_it_is_isolating(refusal):
    flushed: list[list[int]] = []

    async def all_or_nothing(items):
        flushed.append(list(items))
        if any(item < 0 for item in items):
            raise refusal("a negative one")
        return [2 * item for item in items]

    batcher: Batcher[int, int] = Batcher(isolating(all_or_nothing))
    answers = await asyncio.gather(*(batcher.submit(item) for item in (1, -2, 3)), return_exceptions=True)
    assert (answers[0], type(answers[1]), answers[2]) == (2, refusal, 6)
    assert flushed == [[1, -2, 3], [1], [-2], [3]]


async def test_what_is_not_in_the_batch_fails_all_of_it():
    async def lost(items):
        raise asyncpg.DeadlockDetectedError("not for what is in it")

    batcher: Batcher[int, int] = Batcher(isolating(lost))
    answers = await asyncio.gather(*(batcher.submit(item) for item in (1, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncpg.DeadlockDetectedError] * 2
