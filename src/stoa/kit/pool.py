"""The connections to one database: at most so many, opened when first needed, each lent to one at a time.

A list of those that are free, and a semaphore. asyncpg's own pool wraps a connection for each loan, sets a timer and
takes it back in a task of its own: more than the statement costs that it is lent for
(docs/adr/0063-a-statement-costs-less.md).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from stoa.kit.connection import Connection

IDLE_SECONDS = 30.0
"""A connection that nobody has needed for so long is closed: each costs the server some five megabytes."""
SLOT_SECONDS = 10
"""How long is waited for a connection while all are lent."""
SETTLE_SECONDS = 5
"""How long a statement that was cut off may take to end before its connection is thrown away."""


class Closed(Exception):
    """Nothing is lent any more."""


class Pool:
    """At most `size`, opened by `connect`. What is taken must be given back, in whatever state it is."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._lent: set[Connection] = set()
        self._free: deque[tuple[Connection, float]] = deque()
        """With the time since when. The last one given back is lent first: what a rush left grows old on the left."""
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self) -> Connection:
        """One that is open. Raises `TimeoutError` where all stay lent, `Closed`, and what `connect` does."""
        self._refuse_closed()
        if self._slots.locked():
            async with asyncio.timeout(SLOT_SECONDS):
                await self._slots.acquire()
        else:
            # It does not wait.
            await self._slots.acquire()
        try:
            self._refuse_closed()
            connection = self._take_free() or await self._open()
        except BaseException:
            self._slots.release()
            raise
        self._lent.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Have it lent again. One that broke is not, nor one in a transaction: nobody knows what that has done."""
        self._lent.remove(connection)
        self._slots.release()
        if connection.is_closed():
            return
        if self._closed or connection.is_in_transaction():
            connection.terminate()
            return
        loop = asyncio.get_running_loop()
        self._free.append((connection, loop.time()))
        if self._sweep is None:
            self._sweep = loop.call_later(IDLE_SECONDS, self._end_idle)

    async def settle(self, connection: Connection) -> None:
        """Wait for a statement that was cut off to end. If it does not in time its connection does."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                # Nothing goes out before the statement has ended.
                await connection.execute("SELECT 1")
        except BaseException:
            # Whatever it was, also that the wait was cut off: the caller goes on with what cut off the statement.
            connection.terminate()

    def end_free(self) -> None:
        """Have all that are free opened anew when they are needed."""
        while self._free:
            self._free.pop()[0].terminate()

    def terminate(self) -> None:
        """End all of them at once, in use or not, and lend no more. Whoever uses one hears of it."""
        self._closed = True
        self.end_free()
        for connection in self._lent:
            connection.terminate()

    async def close(self, within_seconds: float) -> None:
        """End all of them, waiting for those in use."""
        if self._closed:
            return
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        try:
            async with asyncio.timeout(within_seconds):
                for _ in range(self._size):
                    await self._slots.acquire()
                await asyncio.gather(*(connection.close() for connection, _ in self._free), return_exceptions=True)
        except TimeoutError:
            pass
        finally:
            self.terminate()

    def _take_free(self) -> Connection | None:
        while self._free:
            connection, _ = self._free.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _open(self) -> Connection:
        connection = await self._connect()
        if self._closed:
            connection.terminate()
        self._refuse_closed()
        return connection

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Closed

    def _end_idle(self) -> None:
        loop = asyncio.get_running_loop()
        while self._free and self._free[0][1] <= loop.time() - IDLE_SECONDS:
            self._free.popleft()[0].terminate()
        self._sweep = loop.call_at(self._free[0][1] + IDLE_SECONDS, self._end_idle) if self._free else None
