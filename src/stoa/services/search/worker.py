"""Rounds of work, one at a time: a job looks now and then, and whoever makes work has a round begin at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context


class Worker:
    """`run` is a job's round. Until it ran once, nothing here runs: a command has the service, and not its work."""

    def __init__(self, one_round: Callable[[], Awaitable[None]]) -> None:
        self._round = one_round
        self._runs = False
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is something to do. What comes while a round is under way has another begin after it."""
        self._wanted = True
        if self._runs and self._task is None:
            # In a context of its own: it has nothing of whoever made the work, least of all his transaction.
            self._task = asyncio.get_running_loop().create_task(self._work(), context=Context())
            self._task.add_done_callback(_known)

    async def run(self) -> None:
        """A round that begins from now on, to its end. Raises what it ended with."""
        self._runs = True
        self.wake()
        if self._task is not None:
            # Shielded: who waits may go away, and the work is everybody's.
            await asyncio.shield(self._task)

    async def idle(self) -> None:
        """Wait for the rounds that are under way, if any, however they end."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        self._runs = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        try:
            while self._wanted and self._runs:
                self._wanted = False
                await self._round()
        finally:
            self._task = None


def _known(task: asyncio.Task[None]) -> None:
    """Whoever waits for it is told; else the next round of the job meets the same, and tells."""
    if not task.cancelled():
        task.exception()
