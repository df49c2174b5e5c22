"""When to look although nobody called: often while things happen, hardly ever while nothing does.

Whoever makes work wakes whoever does it, and what falls due later is slept for until then. So a look is only
for what nobody here could tell: another process announced, took, or died. The pulse of a process beats a second
after something happened in it, and then after four times as long each time, up to five minutes. Whoever looks,
looks at a beat, one after the other: between two beats a shop at rest is silent.
"""

from __future__ import annotations

import asyncio
from typing import Any

FIRST_SECONDS = 1.0
SLOWER = 4.0
LONGEST_SECONDS = 300.0
"""What another process leaves undone when it dies is found within this time, and sooner wherever something happens."""
APART_SECONDS = 0.01
"""Between those who look at the same beat: the looks of a service then find the same connection free."""


class Pulse:
    """One for each process: whoever waits for what others may have left waits here."""

    def __init__(self) -> None:
        self._seconds = FIRST_SECONDS
        self._timer: asyncio.TimerHandle | None = None
        # In the order in which they came.
        self._waiting: dict[asyncio.Future[None], None] = {}

    def quicken(self) -> None:
        """Something has happened: the next beat is a second away, or less."""
        self._seconds = FIRST_SECONDS
        if self._timer is not None and self._timer.when() > asyncio.get_running_loop().time() + FIRST_SECONDS:
            self._timer.cancel()
            self._start()

    async def wait(self, woken: asyncio.Event, due_seconds: float | None = None) -> None:
        """Return when `woken` is set, when so many seconds have passed, or at the next beat."""
        if woken.is_set():
            return
        loop = asyncio.get_running_loop()
        beat: asyncio.Future[None] = loop.create_future()
        self._waiting[beat] = None
        if self._timer is None:
            self._start()
        call = loop.create_task(woken.wait())
        try:
            waited: list[asyncio.Future[Any]] = [call, beat]
            await asyncio.wait(waited, timeout=due_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            call.cancel()
            self._waiting.pop(beat, None)

    def _start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._beat)

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._seconds = min(self._seconds * SLOWER, LONGEST_SECONDS)
        for position, waiting in enumerate(self._waiting):
            loop.call_later(position * APART_SECONDS, _end, waiting)
        self._waiting.clear()
        self._start()


def _end(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
