"""Group commit: what callers ask for at the same time goes to the database in one statement.

    reservations: Batcher[Reserve, Reservation] = Batcher(flush)      flush: (items) -> one result or exception each
    reservation = await reservations.submit(item)

There is no timer. The first item goes at once; what gathers while its flush runs goes in the next one,
in the order in which it came. So an idle system adds no delay, and the busier it is the larger the
batches are: on a hot row that is 10 to 100 times the rate of a transaction for each caller.

A flush that cannot tell beforehand what the database will refuse is made `isolating`.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import asyncpg

from stoa.kit import problems
from stoa.kit.db import refuse_inside_transaction

Item = TypeVar("Item")
Result = TypeVar("Result")
Flush = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]


class ShuttingDown(problems.Unavailable):
    """The batch takes nothing more: its process is about to end."""

    slug = "shutting-down"


class Batcher(Generic[Item, Result]):
    """Hands what gathers to `flush`, at most `most` items at a time, one flush after the other.

    `flush` answers each item in its place, with a result or with an exception that fails this item
    alone. What it raises fails the whole batch. It runs in a task and a context of its own: neither
    the caller's transaction, deadline and identity nor its cancellation reach it.
    """

    def __init__(self, flush: Flush[Item, Result], *, most: int = 256) -> None:
        self._flush = flush
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, item: Item) -> Result:
        """The item's own result. A caller that is cancelled before its batch starts takes its item back."""
        refuse_inside_transaction("a batch")
        if self._closed:
            raise ShuttingDown("This is about to stop; ask again.")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
        return await answer

    async def close(self) -> None:
        """Take nothing more, and return when everything taken has been answered."""
        self._closed = True
        if self._flushing is not None:
            await asyncio.wait([self._flushing])

    async def _run(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        try:
            while batch := self._next():
                await self._answer(batch)
        finally:
            self._flushing = None
            for _, answer in (*batch, *self._waiting):
                answer.cancel()  # no effect on those that have their answer: only a cancelled flush has others
            self._waiting.clear()

    def _next(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(batch) < self._most:
            entry = self._waiting.popleft()
            if not entry[1].done():
                batch.append(entry)
        return batch

    async def _answer(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        results: Sequence[Result | Exception]
        try:
            results = await self._flush([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"a flush of {len(batch)} items answered {len(results)}")
        except Exception as error:
            results = [error] * len(batch)
        for (_, answer), result in zip(batch, results, strict=True):
            if answer.done():  # its caller has gone
                continue
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)


def isolating(flush: Flush[Item, Result]) -> Flush[Item, Result]:
    """`flush`, except that where the database refuses a batch for what is in it, each item goes alone."""

    async def flush_isolating(items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            return await flush(items)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as refusal:
            if len(items) == 1:
                return [refusal]
        return [result for item in items for result in await flush_isolating([item])]

    return flush_isolating
