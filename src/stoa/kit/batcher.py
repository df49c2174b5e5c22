"""Group commit: what callers ask for at the same time goes to the database in one statement.

    reservations: Batcher[Reserve, Reservation] = Batcher(flush, locks=lambda wish: wish.lines)
    reservation = await reservations.submit(item)          flush: (items) -> one result or exception each

There is no timer on an idle system. The first item goes at once; what gathers while its flush runs goes in
the next one, in the order in which it came. So nobody waits for a batch to fill, and the busier it is the
larger the batches are: on a hot row that is 10 to 100 times the rate of a transaction for each caller.

Rows that somebody holds stop only those who need them. `locks` names what an item locks:

- A flush that takes longer than `PATIENCE_SECONDS` is passed by others, at most `MOST_FLUSHES` at a time,
  with items that share no lock with it. One after the other is faster as long as nothing is in the way.
- A batch that meets a held lock is taken apart: those of its items that lock the same go again by
  themselves. What then still waits in vain is `Locked`, and so is who waits behind it for as much.
- For `SUSPECT_SECONDS` afterwards whoever needs that lock goes without others from the start.

A flush has the context of none of its callers. What it announces or logs for one of them, it does in the
trace of that one: `origin_of(item)`.

A flush that cannot tell beforehand what the database will refuse is made `isolating`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextvars import Context as Variables
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Generic, TypeVar

import asyncpg

from stoa.kit import context, problems
from stoa.kit.context import Context
from stoa.kit.db import Locked, refuse_inside_transaction

Item = TypeVar("Item")
Result = TypeVar("Result")
Flush = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]

PATIENCE_SECONDS = 0.1
"""How long a flush has the way to itself: many times what a commit takes."""
MOST_FLUSHES = 3
"""Each takes a connection, and others of the service need some too. One is kept for whoever meets no lock."""
SUSPECT_SECONDS = 5.0
"""How long a lock that was held is expected to be held again: who holds it for long goes on to."""
CLOSE_SECONDS = 5.0
"""For what is under way when a batcher closes: longer than a lock is waited for."""


_origins: ContextVar[Mapping[int, Context]] = ContextVar("stoa_origins", default={})  # noqa: B039 - nobody writes to it


def origin_of(item: object) -> Context:
    """In a flush, the context in which one of its items was submitted: this very object. Else the one in force."""
    return _origins.get().get(id(item)) or context.current()


class ShuttingDown(problems.Unavailable):
    """The batch takes nothing more: its process is about to end."""

    slug = "shutting-down"


@dataclass(eq=False, slots=True)
class _Entry(Generic[Item, Result]):
    item: Item
    answer: asyncio.Future[Result]
    locks: frozenset[Hashable]
    origin: Context
    alone: bool
    """With nobody but those who lock the same."""


class Batcher(Generic[Item, Result]):
    """Hands what gathers to `flush`, at most `most` items at a time.

    `flush` answers each item in its place, with a result or with an exception that fails this item
    alone. What it raises fails the whole batch. It runs in a task and a context of its own: neither
    the caller's transaction, deadline and identity nor its cancellation reach it.
    """

    def __init__(
        self, flush: Flush[Item, Result], *, locks: Callable[[Item], Iterable[Hashable]], most: int = 256
    ) -> None:
        self._flush = flush
        self._locks = locks
        self._most = most
        self._waiting: list[_Entry[Item, Result]] = []
        self._flushes: dict[asyncio.Task[None], Sequence[_Entry[Item, Result]]] = {}
        self._suspects: dict[Hashable, float] = {}
        """Locks that were held, and until when that is to be expected."""
        self._may_pass = False
        """Whether what is under way has had its time, so that others need not wait for it."""
        self._closed = False

    async def submit(self, item: Item) -> Result:
        """The item's own result. A caller that is cancelled before its batch starts takes its item back.

        Raises `Locked` where somebody else holds what it needs for longer than a database session waits.
        """
        refuse_inside_transaction("a batch")
        if self._closed:
            raise ShuttingDown("This is about to stop; ask again.")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        locks = frozenset(self._locks(item))
        self._waiting.append(_Entry(item, answer, locks, context.current(), self._is_suspect(locks)))
        self._start()
        return await answer

    async def close(self, within_seconds: float = CLOSE_SECONDS) -> None:
        """Take nothing more, and return when everything taken is answered; what takes longer is `ShuttingDown`."""
        self._closed = True
        give_up = time.monotonic() + within_seconds
        while self._flushes and time.monotonic() < give_up:
            await asyncio.wait(self._flushes, timeout=give_up - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
        self._fail(self._waiting, ShuttingDown("This is about to stop; ask again."))
        self._waiting = []
        late = list(self._flushes)
        for flushing in late:
            flushing.cancel()
        if late:
            await asyncio.wait(late)

    def _start(self) -> None:
        """Start a flush if there is something to flush and nothing to wait for."""
        if self._waiting and len(self._flushes) < MOST_FLUSHES and (self._may_pass or not self._flushes):
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
        if self._flushes.pop(flushing):
            self._start()

    def _next(self) -> list[_Entry[Item, Result]]:
        """Take out who may go together now: in the order of arrival, and nobody before another who locks the same."""
        taken: list[_Entry[Item, Result]] = []
        left: list[_Entry[Item, Result]] = []
        behind: set[Hashable] = {lock for batch in self._flushes.values() for entry in batch for lock in entry.locks}
        room_alone = sum(entry.alone for batch in self._flushes.values() for entry in batch[:1]) < MOST_FLUSHES - 1
        for entry in self._waiting:
            if entry.answer.done():  # its caller has gone
                continue
            fits = _together(taken[0], entry) if taken else room_alone or not entry.alone
            if fits and len(taken) < self._most and behind.isdisjoint(entry.locks):
                taken.append(entry)
            else:
                left.append(entry)
                behind |= entry.locks
        self._waiting = left
        return taken

    async def _run(self) -> None:
        # Not before it starts: until then more may have come, and they go with the first.
        batch = self._next()
        flushing = asyncio.current_task()
        assert flushing is not None
        self._flushes[flushing] = batch
        if not batch:
            return
        _origins.set({id(entry.item): entry.origin for entry in batch})
        try:
            results = await self._flush([entry.item for entry in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"a flush of {len(batch)} items answered {len(results)}")
        except Locked as held:
            self._met(batch, held)
        except Exception as error:
            self._fail(batch, error)
        except asyncio.CancelledError:
            self._fail(batch, ShuttingDown("This is about to stop; ask again."))
            raise
        else:
            for entry, result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    self._fail([entry], result)
                elif not entry.answer.done():
                    entry.answer.set_result(result)

    def _met(self, batch: Sequence[_Entry[Item, Result]], held: Locked) -> None:
        """A lock was held. If it is not clear whose, they go again, each only with those who lock the same."""
        first = batch[0]
        if all(entry.locks == first.locks for entry in batch):
            for lock in first.locks:
                self._suspects[lock] = time.monotonic() + SUSPECT_SECONDS
            # Whoever has waited behind these, and needs all of what they need, has waited for the same.
            behind = [entry for entry in self._waiting if entry.alone and entry.locks >= first.locks]
            self._fail([*batch, *behind], held)
        else:
            for entry in batch:
                entry.alone = True
            self._waiting[:0] = sorted(batch, key=lambda entry: len(entry.locks))

    def _is_suspect(self, locks: frozenset[Hashable]) -> bool:
        if not self._suspects:
            return False
        now = time.monotonic()
        self._suspects = {lock: until for lock, until in self._suspects.items() if until > now}
        return not locks.isdisjoint(self._suspects)

    def _fail(self, entries: Iterable[_Entry[Item, Result]], error: Exception) -> None:
        for entry in entries:
            if not entry.answer.done():
                entry.answer.set_exception(error)


def _together(one: _Entry[Item, Result], other: _Entry[Item, Result]) -> bool:
    return one.locks == other.locks if one.alone or other.alone else True


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
