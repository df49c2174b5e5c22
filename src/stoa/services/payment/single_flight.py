"""What is going on in this process right now, by key, so that a second caller joins instead of starting again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context as Variables
from typing import Any, TypeVar

from msgspec import structs

from stoa.kit import context
from stoa.kit.context import Context

T = TypeVar("T")


class SingleFlight:
    """Work runs in a task of its own: a caller who goes away, or whose time is up, does not stop it half way.

    Of the caller only the trace comes along, and nothing that belongs to the caller's own request.
    """

    def __init__(self) -> None:
        self._tasks: dict[tuple[str, str], asyncio.Task[Any]] = {}

    async def join(self, act: str, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, or of the same act on the same key where that is going on already."""
        task = self._tasks.get((act, key))
        if task is None:
            trace = structs.replace(context.current(), deadline=None)
            task = asyncio.get_running_loop().create_task(_run(work, trace), name=f"{act} {key}", context=Variables())
            self._tasks[act, key] = task
            task.add_done_callback(lambda done: self._forget(act, key, done))
        result: T = await asyncio.shield(task)
        return result

    async def settled(self, act: str, key: str) -> None:
        """Wait until no such act is going on, however it ends."""
        task = self._tasks.get((act, key))
        if task is not None:
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Wait for everything that is going on: each act is bounded by the provider's timeout."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    def _forget(self, act: str, key: str, done: asyncio.Task[Any]) -> None:
        del self._tasks[act, key]
        if not done.cancelled():
            done.exception()  # seen, also where nobody waits for it any more


async def _run(work: Callable[[], Awaitable[T]], trace: Context) -> T:
    with context.using(trace):
        return await work()
