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
        self._flights: dict[tuple[str, str], tuple[Hashable, asyncio.Task[Any]]] = {}
        """The last one of each act on each key, with what was asked for."""

    async def join(self, act: str, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, or of the same act on the same key where that is going on already."""
        return await asyncio.shield(self.begin(act, key, work, context.current()))

    def begin(
        self, act: str, key: str, work: Callable[[], Awaitable[T]], origin: Context, asked: Hashable = None
    ) -> asyncio.Task[T]:
        """The same in the trace of `origin`, for who waits for several. Nobody cancels it.

        Where something else is `asked` for under the key, that has its end first.
        """
        before, under_way = self._flights.get((act, key), (None, None))
        if under_way is not None and before == asked:
            return under_way
        task = asyncio.create_task(_run(work, origin, under_way), name=f"{act} {key}", context=Variables())
        self._flights[act, key] = asked, task
        task.add_done_callback(partial(self._forget, act, key))
        return task

    async def settled(self, act: str, key: str) -> None:
        """Wait until no such act is going on, however it ends."""
        _, under_way = self._flights.get((act, key), (None, None))
        if under_way is not None:
            await asyncio.wait([under_way])

    async def stop(self) -> None:
        """Wait for everything that is going on: each act is bounded by the provider's timeout."""
        if self._flights:
            await asyncio.wait([task for _, task in self._flights.values()])

    def _forget(self, act: str, key: str, done: asyncio.Task[Any]) -> None:
        if self._flights[act, key][1] is done:
            del self._flights[act, key]
        if not done.cancelled():
            done.exception()  # seen, also where nobody waits for it any more


async def _run(work: Callable[[], Awaitable[T]], origin: Context, before: asyncio.Task[Any] | None) -> T:
    if before is not None:
        await asyncio.wait([before])
    with context.using(structs.replace(origin, deadline=None)):
        return await work()
