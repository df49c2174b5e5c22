"""Reads of a moment share a statement: what callers ask for by keys at the same time is read at once.

    carts: Together[str, Cart] = Together(lambda ids: read_carts(db, ids))
    cart = await carts.get(cart_id)        None where it is not there

A statement costs the service and PostgreSQL far more than a key in it does: to read 30 carts one by one takes ten times
as long as to read them together. There is no timer. Before a read the event loop makes a few turns, which is enough to
hear of the requests that have come already, and takes no time where there are none; what is asked for while a read is
under way goes with the next, so the busier it is the more share one. A read that takes longer than `PATIENCE_SECONDS`
is passed by the next.

Nobody gets less than with a statement of their own: a key is read by a statement that begins after it was asked for, so
what had been committed by then is seen.

For reads only: what is to happen once, or in order, goes by a `Batcher`, which says what else is like it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from contextvars import Context as Variables
from typing import Generic, TypeVar

from stoa.kit import context
from stoa.kit.context import Context
from stoa.kit.db import refuse_inside_transaction

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

PATIENCE_SECONDS = 0.05
"""How long a read has the way to itself: many times what one takes."""
TURNS = 3
"""Of the loop, before each read: from a request that waits in its socket to what it asks for here there are as many."""
MOST_READS = 4
"""Each takes a connection, and others of the service need some too."""
MOST_KEYS = 256
"""Of one read, unless a single caller asks for more: what it brings is decoded in one go, while all others wait."""


class Together(Generic[Key, Found]):
    """Hands the keys that gather to `read`, which answers what is there, by key. What it raises all of them get.

    It runs in a task and a context of its own, in the trace of whoever came first: neither a caller's deadline and
    identity nor its cancellation reach it. So it decides nothing by who asks.
    """

    def __init__(
        self,
        read: Callable[[Collection[Key]], Awaitable[Mapping[Key, Found]]],
        weigh: Callable[[Key], int] = lambda _: 1,
    ) -> None:
        """`weigh` says for how many keys one counts that stands for many rows."""
        self._read = read
        self._weigh = weigh
        self._waiting: list[tuple[Collection[Key], asyncio.Future[Mapping[Key, Found]], Context]] = []
        self._reads: set[asyncio.Task[None]] = set()
        self._latest: asyncio.Task[None] | None = None
        """The read that has the way to itself; None where none is under way that has not had its time."""

    async def get(self, key: Key) -> Found | None:
        """What is under this key; None where nothing is."""
        return (await self.ask((key,))).get(key)

    def ask(self, keys: Collection[Key]) -> asyncio.Future[Mapping[Key, Found]]:
        """What is under these keys, by key. It may hold what others asked for."""
        refuse_inside_transaction("a read with others")
        answer: asyncio.Future[Mapping[Key, Found]] = asyncio.get_running_loop().create_future()
        if keys:
            self._waiting.append((keys, answer, context.current()))
            self._start()
        else:
            answer.set_result({})
        return answer

    def _start(self) -> None:
        if self._waiting and self._latest is None and len(self._reads) < MOST_READS:
            self._latest = asyncio.get_running_loop().create_task(self._run(), context=Variables())
            self._reads.add(self._latest)

    def _passed(self, read: asyncio.Task[None]) -> None:
        """It has ended, or has had its time."""
        if self._latest is read:
            self._latest = None
        self._start()

    async def _run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        for _ in range(TURNS):
            await asyncio.sleep(0)
        passing = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._passed, task)
        # Not before: until then more may have come, and they go with the first.
        keys, answers, first = self._take()
        try:
            with context.using(context.fresh(traceparent=first.traceparent)):
                found = await self._read(keys) if keys else {}
        except Exception as error:
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for answer in answers:
                if not answer.done():
                    answer.set_result(found)
        finally:
            for answer in answers:
                answer.cancel()
            passing.cancel()
            self._reads.discard(task)
            self._passed(task)

    def _take(self) -> tuple[Collection[Key], list[asyncio.Future[Mapping[Key, Found]]], Context]:
        """Those who have waited longest, and still do."""
        keys: dict[Key, None] = {}
        answers: list[asyncio.Future[Mapping[Key, Found]]] = []
        first = self._waiting[0][2]
        weight = taken = 0
        for wanted, answer, _ in self._waiting:
            if not answer.done():
                more = [key for key in wanted if key not in keys]
                weight += sum(map(self._weigh, more))
                if answers and weight > MOST_KEYS:
                    break
                keys.update(dict.fromkeys(more))
                answers.append(answer)
            taken += 1
        del self._waiting[:taken]
        return list(keys), answers, first
