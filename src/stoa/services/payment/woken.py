"""A round of work that runs when it is woken, and once more when it was woken meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context as Variables

log = logging.getLogger(__name__)


class Woken:
    """The timer catches what a failed round leaves, so a failure here is only logged."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._work = work
        self._again = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name, context=Variables())

    async def stop(self) -> None:
        """Finish the round that is running and start no other."""
        self._again = False
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                await self._work()
            except Exception:
                log.exception("%s failed", self._name)
