"""Who waits for a batch, and who of them may go now: in the order of arrival for each lock."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from stoa.kit.context import Context
from stoa.kit.db import LOCK_SECONDS, Locked
from stoa.kit.held_locks import HeldLocks, Holders

Item = TypeVar("Item")
Result = TypeVar("Result")

SUSPECT_SECONDS = 5.0
"""How long a lock that was held is taken to be held again, where nobody can say: who holds one for long goes on to."""


@dataclass(eq=False, slots=True)
class Entry(Generic[Item, Result]):
    """One who waits: `answer` is what he gets."""

    item: Item
    answer: asyncio.Future[Result]
    locks: frozenset[Hashable]
    origin: Context
    alone: bool = False
    """With nobody but those who lock the same."""
    met: int = 0
    """How many of its flushes waited for a lock in vain."""
    give_up: float = math.inf
    """When it will have waited for locks as long as a session does."""

    @property
    def may_wait(self) -> bool:
        """Whether it is likely to keep a connection waiting."""
        return self.alone or self.met > 0

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class LockQueue(Generic[Item, Result]):
    """Those who wait, in the order in which they came.

    Who needs a lock that is known to be held is `stuck`: he stays in his place, and those behind him pass.
    """

    def __init__(self, holders: Holders | None) -> None:
        self.held = HeldLocks(holders) if holders else None
        self._waiting: list[Entry[Item, Result]] = []
        self._suspects: dict[Hashable, float] = {}
        """Locks that were held, and until when that is to be expected."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, entry: Entry[Item, Result]) -> None:
        entry.alone = self._is_suspect(entry.locks)
        self._waiting.append(entry)

    def take(
        self, under_way: Collection[Sequence[Entry[Item, Result]]], *, most: int, may_wait: bool
    ) -> list[Entry[Item, Result]]:
        """Take out who may go together now: nobody before another who locks the same, nor beside one `under_way`."""
        taken: list[Entry[Item, Result]] = []
        left: list[Entry[Item, Result]] = []
        behind: set[Hashable] = {lock for batch in under_way for entry in batch for lock in entry.locks}
        for entry in self._waiting:
            if entry.answer.done():  # its caller has gone
                continue
            if self.is_stuck(entry):
                left.append(entry)
                continue
            fits = _together(taken[0], entry) if taken else True
            if entry.may_wait and not may_wait:
                fits = False
            if fits and len(taken) < most and behind.isdisjoint(entry.locks):
                taken.append(entry)
            else:
                left.append(entry)
                behind |= entry.locks
        self._waiting = left
        return taken

    def is_stuck(self, entry: Entry[Item, Result]) -> bool:
        return self.held is not None and self.held.any_of(entry.locks)

    def stuck(self) -> list[Entry[Item, Result]]:
        return [entry for entry in self._waiting if self.is_stuck(entry) and not entry.answer.done()]

    async def met(self, batch: Sequence[Entry[Item, Result]], error: Locked) -> None:
        """The batch met a lock: those go again, from the head, who have not yet waited long enough."""
        if self.held is None:
            self._take_apart(batch, error)
            return
        await self.held.find({lock for entry in batch for lock in entry.locks})
        stuck = [entry for entry in batch if self.is_stuck(entry)]
        for entry in stuck or batch:
            entry.met += 1
            # What was met may have been let go just now. Not twice: then it is a lock that has no name here.
            entry.alone = not stuck and entry.met > 1
        self.give_up(stuck or batch, error)
        self._waiting[:0] = batch

    def give_up(self, entries: Iterable[Entry[Item, Result]], error: Locked) -> None:
        """These have to wait for a lock, or still have to: fail those who have done so for long enough."""
        now = time.monotonic()
        for entry in entries:
            entry.give_up = min(entry.give_up, now + LOCK_SECONDS)
            if entry.give_up <= now:
                entry.fail(error)

    def clear(self, error: Exception) -> None:
        """Fail everybody."""
        for entry in self._waiting:
            entry.fail(error)
        self._waiting = []

    def _take_apart(self, batch: Sequence[Entry[Item, Result]], error: Locked) -> None:
        """If it is not clear whose lock it is, they go again, each only with those who lock the same."""
        first = batch[0]
        if any(entry.locks != first.locks for entry in batch):
            for entry in batch:
                entry.alone = True
            self._waiting[:0] = sorted(batch, key=lambda entry: len(entry.locks))
            return
        for lock in first.locks:
            self._suspects[lock] = time.monotonic() + SUSPECT_SECONDS
        # Whoever has waited behind these, and needs all of what they need, has waited for the same.
        for entry in [*batch, *(entry for entry in self._waiting if entry.alone and entry.locks >= first.locks)]:
            entry.fail(error)

    def _is_suspect(self, locks: frozenset[Hashable]) -> bool:
        if not self._suspects:
            return False
        now = time.monotonic()
        self._suspects = {lock: until for lock, until in self._suspects.items() if until > now}
        return not locks.isdisjoint(self._suspects)


def _together(one: Entry[Item, Result], other: Entry[Item, Result]) -> bool:
    return one.locks == other.locks if one.alone or other.alone else True
