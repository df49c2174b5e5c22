"""Reads of a moment share a statement: what goes together, who sees what, and whom a failure reaches."""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar

import pytest

from stoa.kit import context, problems, together
from stoa.kit.db import CallInsideTransaction
from stoa.kit.http import asgi
from stoa.kit.together import MOST_KEYS, MOST_READS, Together

WHO: ContextVar[str] = ContextVar("who", default="nobody")


class Lost(problems.NotFound):
    def __init__(self, what: str) -> None:
        super().__init__(f"There is no {what}.")


class Shelf:
    """What is read: even numbers, as text. It can be held up, and fail."""

    def __init__(self) -> None:
        self.reads: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failure: Exception | None = None
        self.seen: list[tuple[str, str, object]] = []

    async def __call__(self, keys):
        self.reads.append(list(keys))
        now = context.current()
        self.seen.append((WHO.get(), now.trace_id, now.deadline))
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        return {key: str(key) for key in keys if key % 2 == 0}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_who_asks_for_nothing_waits_for_nobody(shelf) -> None:
    shared = Together(shelf)
    shelf.failure = Lost("shelf")
    others = shared.ask((2,))
    assert await shared.ask(()) == {}
    with pytest.raises(Lost):
        await others


async def test_one_alone_goes_at_once(shelf) -> None:
    shared = Together(shelf)
    assert [await shared.get(2), await shared.get(3)] == ["2", None]
    assert shelf.reads == [[2], [3]]


async def test_those_of_a_moment_go_together_and_each_key_once(shelf) -> None:
    shared = Together(shelf)
    found = await asyncio.gather(shared.get(2), shared.get(4), shared.get(2), shared.get(5))
    assert found == ["2", "4", "2", None]
    assert shelf.reads == [[2, 4, 5]]


async def test_who_comes_a_turn_of_the_loop_later_goes_with_the_first(shelf) -> None:
    shared = Together(shelf)
    first = asyncio.create_task(shared.get(2))
    await asyncio.sleep(0)
    second = asyncio.create_task(shared.get(4))
    assert [await first, await second] == ["2", "4"]
    assert shelf.reads == [[2, 4]]


async def test_what_is_asked_for_meanwhile_is_read_anew_and_together(shelf) -> None:
    """The same key too: what was committed meanwhile must be seen."""
    shared = Together(shelf)
    shelf.go_on.clear()
    first = asyncio.create_task(shared.get(2))
    await until(lambda: shelf.reads)
    others = [asyncio.create_task(shared.get(key)) for key in (2, 4)]
    await asyncio.sleep(0)
    assert shelf.reads == [[2]]
    shelf.go_on.set()
    assert [await first, *(await asyncio.gather(*others))] == ["2", "2", "4"]
    assert shelf.reads == [[2], [2, 4]]


async def test_a_slow_read_is_passed_by_a_few(shelf, monkeypatch) -> None:
    monkeypatch.setattr(together, "PATIENCE_SECONDS", 0.001)
    shared = Together(shelf)
    shelf.go_on.clear()
    asked = []
    for key in range(0, 2 * MOST_READS, 2):
        asked.append(asyncio.create_task(shared.get(key)))
        await until(lambda: len(shelf.reads) == len(asked))
    late = asyncio.create_task(shared.get(100))
    await asyncio.sleep(0.01)
    assert len(shelf.reads) == MOST_READS
    shelf.go_on.set()
    assert await late == "100"
    assert await asyncio.gather(*asked) == [str(key) for key in range(0, 2 * MOST_READS, 2)]


async def test_a_slow_read_that_ends_as_the_next_begins_leaves_its_place(monkeypatch) -> None:
    monkeypatch.setattr(together, "PATIENCE_SECONDS", 0.001)
    slow: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    reads = []

    async def read(keys):
        reads.append(list(keys))
        if 0 in keys:
            await slow
        return {key: str(key) for key in keys}

    shared = Together(read)
    first = asyncio.create_task(shared.get(0))
    await until(lambda: reads)
    await asyncio.sleep(0.01)
    slow.set_result(None)
    # Its read begins behind the end of the slow one.
    assert await shared.get(2) == "2"
    assert await first == "0"
    assert reads == [[0], [2]]
    await until(lambda: not shared._reads)


async def test_a_read_has_a_bounded_number_of_keys_and_nobodys_are_torn_apart(shelf) -> None:
    shared = Together(shelf)
    many = range(0, 4 * MOST_KEYS, 2)
    found, alone, more = await asyncio.gather(shared.ask(many), shared.get(2), shared.ask(range(0, 10, 2)))
    assert len(found) == 2 * MOST_KEYS
    assert alone == "2"
    assert more == {key: str(key) for key in range(0, 10, 2)}
    assert [len(keys) for keys in shelf.reads] == [2 * MOST_KEYS, 5]


async def test_keys_may_weigh_more_than_one_and_a_key_that_many_ask_for_weighs_once(shelf) -> None:
    shared = Together(shelf, weigh=lambda _: MOST_KEYS // 4)
    asked = [shared.get(key) for key in (0, 2, 4, 4, 4, 6, 8, 8, 2)]
    assert await asyncio.gather(*asked) == ["0", "2", "4", "4", "4", "6", "8", "8", "2"]
    assert shelf.reads == [[0, 2, 4, 6], [8, 2]]


async def test_a_failure_reaches_all_and_each_is_told_his_own_request(shelf) -> None:
    shelf.failure = Lost("shelf")
    shared = Together(shelf)
    failures = await asyncio.gather(shared.get(2), shared.get(4), return_exceptions=True)
    told = [json.loads(asgi.problem_answer(each, str(n)).body) for n, each in enumerate(failures)]
    assert told == [
        {"type": "/problems/not-found", "title": "Not found", "status": 404, "detail": "There is no shelf."}
        | {"request_id": number}
        for number in ("0", "1")
    ]
    shelf.failure = None
    assert await shared.get(2) == "2"


async def test_who_goes_away_takes_nothing_from_others(shelf) -> None:
    shared = Together(shelf)
    shelf.go_on.clear()
    first, second = asyncio.create_task(shared.get(2)), asyncio.create_task(shared.get(4))
    await until(lambda: shelf.reads)
    waiting, other = asyncio.create_task(shared.get(6)), asyncio.create_task(shared.get(8))
    await asyncio.sleep(0)
    first.cancel()
    waiting.cancel()
    await asyncio.sleep(0)
    shelf.go_on.set()
    assert [await second, await other] == ["4", "8"]
    assert shelf.reads == [[2, 4], [8]]


async def test_a_read_has_the_first_ones_trace_and_nothing_else_of_its_callers(shelf) -> None:
    shared = Together(shelf)
    WHO.set("somebody")
    with context.using(context.fresh(deadline=1.0)) as mine:
        await shared.get(2)
    assert shelf.seen == [("nobody", mine.trace_id, None)]


async def test_what_is_read_with_others_is_not_read_in_a_transaction(shelf, database) -> None:
    shared = Together(shelf)
    db = await database("inventory")
    async with db.transaction():
        with pytest.raises(CallInsideTransaction):
            await shared.get(2)
    assert shelf.reads == []
