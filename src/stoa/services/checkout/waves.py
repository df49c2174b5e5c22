"""Checkouts that wait for the same thing go on together: one call to a neighbor for all, and there one commit.

    reserve = waves.station(partial(step.do, neighbors))
    purchase = await reserve.join(purchase, began)              act: (members) -> one result or exception each

A station is where checkouts wait: for what is in their carts, for a step, for its undo. A wave takes who waits at one
of them. `MOST_UNDER_WAY` waves are under way at a time, whatever their stations, and the next is that of the checkout
that began first. So those who began later gather meanwhile and stay together, and the busier it is the larger the waves
are. There is no timer: one order alone goes at once.

Nobody holds up the others. Who is refused or slow leaves its wave, because each has an outcome of its own
(`stoa.kit.many`), and a wave that takes longer than `PATIENCE_SECONDS` is passed by the next.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import insort
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context as Variables
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Generic, TypeVar

from stoa.kit.many import UnderWay
from stoa.kit.problems import Problem

log = logging.getLogger(__name__)

Member = TypeVar("Member")
Result = TypeVar("Result")
Act = Callable[[Sequence[Member]], Awaitable[Sequence[Result | Exception]]]

MOST_UNDER_WAY = 2
"""While the database works on one, the next is worked out. More of them would be smaller."""
MOST_MEMBERS = 256
MOST_LINES = 4_000
"""In one wave: some hundred bytes each in a call, which carries 4 MiB at most."""
PATIENCE_SECONDS = 0.2
"""How long a wave counts as under way: many times what a commit takes."""
CLOSE_SECONDS = 5.0
"""For what is under way at the end."""


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Member, Result]):
    began: int
    member: Member
    lines: int
    answer: asyncio.Future[Result]


class Waves:
    """All stations of a process, and whose turn it is."""

    def __init__(self) -> None:
        self._stations: list[Station[Any, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        """Those that have not taken too long."""
        self._called = False

    def station(self, act: Act[Member, Result]) -> Station[Member, Result]:
        """A place to wait for `act`, which answers each member in its place, with a result or an exception."""
        station = Station(act, self.call)
        self._stations.append(station)
        return station

    def call(self) -> None:
        """Somebody waits. In a moment: until then more may have come, and they go with the first."""
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._start)

    async def close(self) -> None:
        """Wait for what is under way, and end what takes too long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self) -> None:
        self._called = False
        while len(self._under_way) < MOST_UNDER_WAY:
            waiting = [station for station in self._stations if station.first is not None]
            if not waiting:
                return
            wave = min(waiting, key=attrgetter("first")).take()
            loop = asyncio.get_running_loop()
            task = loop.create_task(wave, context=Variables())
            self._tasks.add(task)
            self._under_way.add(task)
            passing = loop.call_later(PATIENCE_SECONDS, self._passed, task)
            task.add_done_callback(partial(self._ended, passing))

    def _ended(self, passing: asyncio.TimerHandle, task: asyncio.Task[None]) -> None:
        passing.cancel()
        self._tasks.discard(task)
        self._passed(task)

    def _passed(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self.call()


class Station(Generic[Member, Result]):
    """Where checkouts wait for one thing, in the order in which they began."""

    def __init__(self, act: Act[Member, Result], call: Callable[[], None]) -> None:
        self._act = act
        self._call = call
        self._waiting: list[_Waiting[Member, Result]] = []

    async def join(self, member: Member, began: int, lines: int = 1) -> Result:
        """The member's own result; what it failed with is raised. Who is canceled before is left out."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        insort(self._waiting, _Waiting(began, member, lines, answer), key=attrgetter("began"))
        self._call()
        return await answer

    async def alone(self, member: Member) -> Result:
        """The same in nobody's company: for who was left out of a wave, or whose wave failed."""
        (result,) = await self._act([member])
        if isinstance(result, Exception):
            raise result
        return result

    @property
    def first(self) -> int | None:
        """When the first of those who wait began; None where nobody does."""
        self._waiting = [one for one in self._waiting if not one.answer.done()]
        return self._waiting[0].began if self._waiting else None

    def take(self) -> Coroutine[Any, Any, None]:
        """The next wave, to be awaited: who has waited longest, and as many more as go with it."""
        lines = 0
        count = 0
        for one in self._waiting[:MOST_MEMBERS]:
            lines += one.lines
            if count and lines > MOST_LINES:
                break
            count += 1
        wave, self._waiting = self._waiting[:count], self._waiting[count:]
        return self._go(wave)

    async def _go(self, wave: Sequence[_Waiting[Member, Result]]) -> None:
        try:
            results = await self._act([one.member for one in wave])
            if len(results) != len(wave):
                raise RuntimeError(f"a wave of {len(wave)} got {len(results)} results")
        except Exception as error:
            results = [_meaning(error, len(wave))] * len(wave)
        for one, result in zip(wave, results, strict=True):
            if one.answer.done():
                continue
            if isinstance(result, Exception):
                one.answer.set_exception(result)
            else:
                one.answer.set_result(result)


def _meaning(error: Exception, members: int) -> Exception:
    """What the failure of a whole wave means to each: where it is for what is in it, each finds out alone whether it is
    its own."""
    if members == 1 or (isinstance(error, Problem) and error.status >= 500):
        return error
    log.error("a wave failed, and its members go alone", exc_info=error)
    return UnderWay("This goes alone.")
