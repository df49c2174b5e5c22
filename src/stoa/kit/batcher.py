"""Group commit: what callers ask for at the same time goes to the database in one statement.

    reservations: Batcher[Reserve, Reservation] = Batcher(flush, locks=lambda wish: wish.lines)
    reservation = await reservations.submit(item)          flush: (items) -> one result or exception each

There is no timer on an idle system. The first item goes at once; what gathers while its flush runs goes in
the next one, in the order in which it came. So nobody waits for a batch to fill, and the busier it is the
larger the batches are: on a hot row that is 10 to 100 times the rate of a transaction for each caller.

Rows that somebody holds stop only those who need them. `locks` names what an item locks:

- A flush that takes longer than `PATIENCE_SECONDS` is passed by others, at most `MOST_FLUSHES` at a time,
  with items that share no lock with it. One after the other is faster as long as nothing is in the way.
- `holders` says who holds which lock. With it a flush waits `FIRST_WAIT_SECONDS` for a lock and then finds out
  which it is. Whoever needs that one waits here, with no connection, nothing locked and in nobody's way, until it
  is free or in other hands; when that takes as long as a session waits for a lock, it is `Locked`. The others go
  again at once. Who meets a lock again waits twice as long for it: others may be queueing.
- Without `holders`, or for a lock that they do not know, a batch that meets one is taken apart: those of its items
  that lock the same go again by themselves, and are `Locked` if that is in vain. Without, so is who waits behind
  them for as much, and for some seconds whoever needs that lock goes without others from the start.

A flush has the context of none of its callers. What it announces or logs for one of them, it does in the
trace of that one: `origin_of(item)`.

A flush that cannot tell beforehand what the database will refuse is made `isolating`.

Three things have callers of a moment share what they ask for. In all of them the first goes at once, what comes
meanwhile goes with the next, and what takes long is passed. They are not one, because what each promises the others
must not:

- a `Batcher` writes: each item once, with an outcome of its own, and none passes another that locks the same;
- `Together` (`stoa.kit.together`) reads by key: what several ask for is read once, and a failure is everybody's;
- a `Station` (`stoa.services.checkout.waves`) calls: by key, so that a wave which fails may go again in halves, and
  whoever is passed has left those it set out with.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context as Variables
from contextvars import ContextVar
from typing import Generic, TypeVar

import asyncpg

from stoa.kit import context, problems
from stoa.kit.context import Context
from stoa.kit.db import LOCK_SECONDS, Locked, lock_wait, refuse_inside_transaction
from stoa.kit.held_locks import HeldLocks, Holders
from stoa.kit.lock_queue import Entry, LockQueue
from stoa.kit.many import gathered

Item = TypeVar("Item")
Result = TypeVar("Result")
Flush = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]

PATIENCE_SECONDS = 0.1
"""How long a flush has the way to itself: many times what a commit takes."""
FIRST_WAIT_SECONDS = 0.25
"""How long a flush waits for a lock before it is found out who holds it, while its other locks keep others waiting.
Longer than the embedded server takes to find a deadlock, and than who does not hang holds one."""
LOOK_AGAIN_SECONDS = 0.1
"""How often it is asked whether a held lock is free, while anybody waits for it."""
MOST_FLUSHES = 3
"""Each takes a connection, and others of the service need some too. One is kept for whoever meets no lock."""
CLOSE_SECONDS = 5.0
"""For what is under way when a batcher closes: longer than a lock is waited for."""


_origins: ContextVar[Mapping[int, Context]] = ContextVar("stoa_origins", default={})  # noqa: B039 - nobody writes to it


def origin_of(item: object) -> Context:
    """In a flush, the context in which one of its items was submitted: this very object. Else the one in force."""
    return _origins.get().get(id(item)) or context.current()


class ShuttingDown(problems.Unavailable):
    """The process that would do it is about to end."""

    slug = "shutting-down"

    def __init__(self) -> None:
        super().__init__("This is about to stop; ask again.")


class Batcher(Generic[Item, Result]):
    """Hands what gathers to `flush`, at most `most` items at a time.

    `flush` answers each item in its place, with a result or with an exception that fails this item
    alone. What it raises fails the whole batch. It runs in a task and a context of its own: neither
    the caller's transaction, deadline and identity nor its cancellation reach it. With `holders` it locks
    in transactions only, and may be asked again whatever it raised `Locked` for.
    """

    def __init__(
        self,
        flush: Flush[Item, Result],
        *,
        locks: Callable[[Item], Iterable[Hashable]],
        most: int = 256,
        holders: Holders | None = None,
    ) -> None:
        self._flush = flush
        self._locks = locks
        self._most = most
        self._queue: LockQueue[Item, Result] = LockQueue(holders)
        self._flushes: dict[asyncio.Task[None], Sequence[Entry[Item, Result]]] = {}
        self._watching: asyncio.Task[None] | None = None
        """Sees to those who wait for a held lock, while there are any."""
        self._may_pass = False
        """Whether what is under way has had its time, so that others need not wait for it."""
        self._closed = False

    async def submit(self, item: Item) -> Result:
        """The item's own result. A caller that is canceled before its batch starts takes its item back.

        Raises `Locked` where somebody else holds what it needs for longer than a database session waits.
        """
        return await self.enter(item, context.current())

    async def submit_many(self, items: Sequence[Item], origins: Sequence[Context]) -> list[Result | Exception]:
        """What becomes of each, in their order, as if each had been submitted in the context that is its origin.

        `UnderWay` for one that takes longer than the others are to wait for it (`stoa.kit.many`).
        """
        return await gathered([self.enter(item, origin) for item, origin in zip(items, origins, strict=True)])

    def enter(self, item: Item, origin: Context) -> asyncio.Future[Result]:
        """What `submit` waits for, of an item that is submitted in the context `origin`."""
        refuse_inside_transaction("a batch")
        if self._closed:
            raise ShuttingDown
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        entry = Entry(item, answer, frozenset(self._locks(item)), origin)
        self._queue.add(entry)
        if self._queue.is_stuck(entry):
            self._watch()
        else:
            self._start()
        return answer

    async def close(self, within_seconds: float = CLOSE_SECONDS) -> None:
        """Take nothing more, and return when everything taken is answered; what takes longer is `ShuttingDown`."""
        self._closed = True
        give_up = time.monotonic() + within_seconds
        while (under_way := self._under_way()) and time.monotonic() < give_up:
            await asyncio.wait(under_way, timeout=give_up - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
        self._queue.clear(ShuttingDown())
        # Who waits is told at once: a statement that is cut off still takes its time to end.
        for batch in self._flushes.values():
            _fail(batch, ShuttingDown())
        late = self._under_way()
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _under_way(self) -> list[asyncio.Task[None]]:
        return [*self._flushes, *([self._watching] if self._watching else [])]

    def _start(self) -> None:
        """Start a flush if there is something to flush and nothing to wait for."""
        if self._queue and len(self._flushes) < MOST_FLUSHES and (self._may_pass or not self._flushes):
            loop = asyncio.get_running_loop()
            flushing = loop.create_task(self._run(), context=Variables())
            self._flushes[flushing] = ()
            self._may_pass = False
            passing = loop.call_later(PATIENCE_SECONDS, self._let_pass)
            flushing.add_done_callback(lambda done: self._ended(done, passing))

    def _let_pass(self) -> None:
        self._may_pass = True
        self._start()

    def _ended(self, flushing: asyncio.Task[None], passing: asyncio.TimerHandle) -> None:
        passing.cancel()
        # What passed another is followed by the next: only a flush that has the way to itself is waited for.
        self._may_pass = True
        # One that found nobody who may go now leaves them to the end of what they wait for.
        if self._flushes.pop(flushing, None):
            self._start()

    async def _run(self) -> None:
        flushing = asyncio.current_task()
        assert flushing is not None
        waiting = sum(any(entry.may_wait for entry in batch) for batch in self._flushes.values())
        # Not before it starts: until then more may have come, and they go with the first.
        batch = self._queue.take(self._flushes.values(), most=self._most, may_wait=waiting < MOST_FLUSHES - 1)
        if not batch:
            # Out of the way at once: somebody may come before its end is noticed.
            del self._flushes[flushing]
            self._may_pass = True
            return
        self._flushes[flushing] = batch
        _origins.set({id(entry.item): entry.origin for entry in batch})
        try:
            await self._answer(batch)
        except Exception as error:
            _fail(batch, error)

    async def _answer(self, batch: Sequence[Entry[Item, Result]]) -> None:
        try:
            with self._patience(batch):
                results = await self._flush([entry.item for entry in batch])
        except Locked as error:
            await self._queue.met(batch, error)
            self._watch()
            return
        if len(results) != len(batch):
            raise RuntimeError(f"a flush of {len(batch)} items answered {len(results)}")
        for entry, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                entry.fail(result)
            elif not entry.answer.done():
                entry.answer.set_result(result)

    def _patience(self, batch: Sequence[Entry[Item, Result]]) -> AbstractContextManager[None]:
        if self._queue.held is None:
            return nullcontext()
        return lock_wait(min(LOCK_SECONDS, FIRST_WAIT_SECONDS * 2 ** max(entry.met for entry in batch)))

    def _watch(self) -> None:
        if self._watching is None and self._queue.held is not None:
            watch = self._watch_over(self._queue.held)
            self._watching = asyncio.get_running_loop().create_task(watch, context=Variables())

    async def _watch_over(self, held: HeldLocks) -> None:
        """While anybody waits for a held lock, ask whether it is free."""
        try:
            while stuck := self._queue.stuck():
                try:
                    await held.look_again()
                except Exception as error:
                    _fail(stuck, error)
                self._start()
                self._queue.give_up(
                    self._queue.stuck(), Locked("Somebody else keeps what this needs.", retry_after_seconds=1)
                )
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
        finally:
            self._watching = None


def _fail(entries: Iterable[Entry[Item, Result]], error: Exception) -> None:
    for entry in entries:
        entry.fail(error)


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
