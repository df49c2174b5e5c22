"""What is going on in this process right now, by key, so that a second caller joins instead of starting again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context as Variables
from functools import partial
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
        self._tasks: dict[tuple[str, str, Hashable], asyncio.Task[Any]] = {}

    async def join(self, act: str, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, or of the same act on the same key where that is going on already."""
        return await asyncio.shield(self.begin(act, key, work, context.current()))

    def begin(
        self, act: str, key: str, work: Callable[[], Awaitable[T]], origin: Context, asked: Hashable = None
    ) -> asyncio.Task[T]:
        """The same in the trace of `origin`, for who waits for several. Nobody cancels it. Where more than the key says
        what is `asked`, only the same is joined."""
        task = self._tasks.get((act, key, asked))
        if task is None:
            task = asyncio.create_task(_run(work, origin), name=f"{act} {key}", context=Variables())
            self._tasks[act, key, asked] = task
            task.add_done_callback(partial(self._forget, (act, key, asked)))
        return task

    async def settled(self, act: str, key: str) -> None:
        """Wait until no such act is going on, however it ends."""
        tasks = [task for asked, task in self._tasks.items() if asked[:2] == (act, key)]
        if tasks:
            await asyncio.wait(tasks)

    async def stop(self) -> None:
        """Wait for everything that is going on: each act is bounded by the provider's timeout."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    def _forget(self, flight: tuple[str, str, Hashable], done: asyncio.Task[Any]) -> None:
        del self._tasks[flight]
        if not done.cancelled():
            done.exception()  # seen, also where nobody waits for it any more


async def _run(work: Callable[[], Awaitable[T]], origin: Context) -> T:
    with context.using(structs.replace(origin, deadline=None)):
        return await work()
