"""One after the other per account: many tries at once for one account neither race nor crowd out the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class KeyedLocks:
    """A lock per key, kept while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[bytes, asyncio.Lock] = {}
        self._interested: dict[bytes, int] = {}

    @asynccontextmanager
    async def holding(self, key: bytes) -> AsyncIterator[None]:
        """Hold the lock of `key` for the block."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._interested[key] = self._interested.get(key, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._interested[key] -= 1
            if self._interested[key] == 0:
                del self._interested[key], self._locks[key]
