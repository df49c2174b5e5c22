"""Checkouts that wait for the same thing go on together: one call to a neighbor for all, and there one commit.

    place = await gate.enter()                                  with all who came meanwhile
    purchase = await reserve.join(purchase, place=place)        with all who wait for the same
    place.leave()                                               half-way: the next may set out
    purchase = await capture.join(purchase)

A station is where checkouts wait: for what is in their carts, for a step, for its undo. One wave at a time leaves it:
the first goes at once, and who comes while it is under way goes with the next.

What keeps waves large is the gate before the first station. One cohort at a time is on the first half of its way, and
who comes meanwhile sets out when it has left that, or has had `LONGEST_SECONDS`. So those who come at about the same
time go together, and stay together from station to station, and while one cohort is in the database the other is
worked out. One order alone goes at once.

Nobody holds up the others. Who is refused, or slow, leaves the cohort, because each of a wave has an outcome of its own
(`stoa.kit.many`), and a wave that takes longer than `PATIENCE_SECONDS` is passed: who is in it has left the cohort. So
has who asks somebody by himself for as long.

For calls by key only, which may be repeated: what is to be written once goes by a `stoa.kit.batcher.Batcher`, which
says what else is like it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context as Variables
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from stoa.kit.batcher import ShuttingDown
from stoa.kit.problems import Unavailable

log = logging.getLogger(__name__)

Member = TypeVar("Member")
Result = TypeVar("Result")
Act = Callable[[Sequence[Member]], Awaitable[Sequence[Result | Exception]]]

LONGEST_SECONDS = 0.5
"""How long a cohort keeps others at the gate: many times what half an order takes."""
MOST_MEMBERS = 64
"""Of a cohort, and of a wave. With more, a crowd is one cohort, and the database rests while it is worked out."""
PATIENCE_SECONDS = 0.1
"""How long a wave has the way to itself: many times what a commit takes, and less than most banks take."""
CLOSE_SECONDS = 5.0
"""For what is under way at the end."""


class CohortPlace:
    """One checkout's in a cohort. It is left once, however often that is said."""

    def __init__(self, cohort: Cohort) -> None:
        self._cohort: Cohort | None = cohort

    def leave(self) -> None:
        cohort, self._cohort = self._cohort, None
        if cohort is not None:
            cohort.left()

    @contextmanager
    def patience(self) -> Iterator[None]:
        """For what is asked outside a station: it is left if that takes longer than a wave may."""
        passing = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self.leave)
        try:
            yield
        finally:
            passing.cancel()


class Cohort:
    """Those who set out together, until the last of them has left."""

    def __init__(self, members: int, ended: Callable[[Cohort], None]) -> None:
        self._members = members
        self._ended = ended

    def left(self) -> None:
        self._members -= 1
        if self._members == 0:
            self._ended(self)


class Gate:
    """Where who places an order waits until the next cohort sets out, in the order of arrival."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[CohortPlace]] = []
        self._ahead: Cohort | None = None
        """The cohort that keeps the others at the gate."""

    async def enter(self) -> CohortPlace:
        place: asyncio.Future[CohortPlace] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        if len(self._waiting) == 1:
            # In a moment: until then more may have come.
            asyncio.get_running_loop().call_soon(self._open)
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # It was given just now, and nobody takes it.
                place.result().leave()
            raise

    def _open(self) -> None:
        """Let the next cohort set out, if none is ahead."""
        self._waiting = [place for place in self._waiting if not place.done()]
        if self._ahead is not None or not self._waiting:
            return
        entering, self._waiting = self._waiting[:MOST_MEMBERS], self._waiting[MOST_MEMBERS:]
        cohort = self._ahead = Cohort(len(entering), self._go_by)
        asyncio.get_running_loop().call_later(LONGEST_SECONDS, self._go_by, cohort)
        for place in entering:
            place.set_result(CohortPlace(cohort))

    def _go_by(self, cohort: Cohort) -> None:
        """It keeps nobody any more: all have left, or it has had its time."""
        if cohort is self._ahead:
            self._ahead = None
            self._open()

    def close(self) -> None:
        """Have nobody wait any more. Who is let in after that is another's business."""
        waiting, self._waiting = self._waiting, []
        for place in waiting:
            _fail(place, ShuttingDown())


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Member, Result]):
    member: Member
    place: CohortPlace | None
    answer: asyncio.Future[Result]


class Waves:
    """The stations of a process, and the gate before them."""

    def __init__(self) -> None:
        self.gate = Gate()
        self._stations: list[Station[Any, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def station(self, act: Act[Member, Result]) -> Station[Member, Result]:
        """A place to wait for `act`, which answers each member in its place, with a result or an exception."""
        station = Station(act, self._set_out)
        self._stations.append(station)
        return station

    async def close(self) -> None:
        """Wait for what is under way, and end what takes too long. Who waits is `ShuttingDown` at once."""
        for station in self._stations:
            station.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _set_out(self, wave: Coroutine[Any, Any, None], passed: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(wave, context=Variables())
        self._tasks.add(task)
        passing = loop.call_later(PATIENCE_SECONDS, passed)
        task.add_done_callback(partial(self._ended, passing, passed))

    def _ended(self, passing: asyncio.TimerHandle, passed: Callable[[], None], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        passing.cancel()
        passed()


class Station(Generic[Member, Result]):
    """Where checkouts wait for one thing, in the order of arrival."""

    def __init__(
        self, act: Act[Member, Result], set_out: Callable[[Coroutine[Any, Any, None], Callable[[], None]], None]
    ) -> None:
        self._act = act
        self._set_out = set_out
        self._waiting: list[_Waiting[Member, Result]] = []
        self._under_way: Sequence[_Waiting[Member, Result]] | None = None
        """The wave that has the way to itself."""
        self._called = False
        self._answers: set[asyncio.Future[Result]] = set()
        """That somebody waits for."""
        self._closed = False

    async def join(self, member: Member, place: CohortPlace | None = None) -> Result:
        """The member's own result; what it failed with is raised. Who is canceled before is left out.

        Its place in a cohort, where it has one, is left if its wave is passed. Raises `ShuttingDown` when it is closed.
        """
        if self._closed:
            raise ShuttingDown
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)
        self._waiting.append(_Waiting(member, place, answer))
        self._call()
        return await answer

    async def alone(self, member: Member) -> Result:
        """The same in nobody's company: for who was left out of a wave, or has failed in it."""
        (result,) = await self._act([member])
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        """Have nobody wait any more, also not for what is under way."""
        self._closed = True
        for answer in self._answers:
            _fail(answer, ShuttingDown())

    def _call(self) -> None:
        if self._under_way is None and not self._called:
            self._called = True
            # In a moment: until then more may have come.
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._called = False
        if wave := self._take():
            self._under_way = wave
            self._set_out(self._go(wave), partial(self._passed, wave))

    def _passed(self, wave: Sequence[_Waiting[Member, Result]]) -> None:
        """It has ended, or has had its time."""
        for one in wave:
            if one.place is not None and not one.answer.done():
                one.place.leave()
        if self._under_way is wave:
            self._under_way = None
            self._call()

    def _take(self) -> list[_Waiting[Member, Result]]:
        """Who has waited longest, in the order of arrival."""
        waiting = [one for one in self._waiting if not one.answer.done()]
        self._waiting = waiting[MOST_MEMBERS:]
        return waiting[:MOST_MEMBERS]

    async def _go(self, wave: Sequence[_Waiting[Member, Result]]) -> None:
        """Act for all of it, or else for each half: what fails may be what is in one of them, or be too large for one
        call. Where somebody does not answer, he does not answer the halves either.
        """
        results: Sequence[Result | Exception]
        try:
            results = await self._act([one.member for one in wave])
            if len(results) != len(wave):
                raise RuntimeError(f"a wave of {len(wave)} got {len(results)} results")
        except Exception as error:
            if len(wave) > 1 and not isinstance(error, Unavailable):
                log.warning("a wave of %s failed, and goes on in halves", len(wave), exc_info=error)
                half = len(wave) // 2
                await asyncio.gather(self._go(wave[:half]), self._go(wave[half:]))
                return
            results = [error] * len(wave)
        for one, result in zip(wave, results, strict=True):
            if isinstance(result, Exception):
                _fail(one.answer, result)
            elif not one.answer.done():
                one.answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
