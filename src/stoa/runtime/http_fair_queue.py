"""In which order requests are begun when more of them come than can be answered at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context

AT_ONCE = 32
"""Requests that are begun in a turn of the loop. One that is answered from stored bytes takes a tenth of a millisecond:
so new connections, other servers and what runs beside them get their turn every few."""


class FairQueue:
    """Begins so many requests in a turn of the loop, of the addresses one after the other: who sends many at once waits
    behind its own."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun = 0
        # By address; whose turn it was goes to the end.
        self._waiting: dict[str, deque[Callable[[], None]]] = {}

    def take(self) -> bool:
        """Whether a request may be begun in this turn, which then counts as one of it."""
        if self._begun == AT_ONCE:
            return False
        if not self._begun:
            # Not in the context of whoever is first: what waits is others'.
            self._loop.call_soon(self._next_turn, context=Context())
        self._begun += 1
        return True

    def wait(self, address: str, begin: Callable[[], None]) -> None:
        """Call `begin` when it is this address's turn."""
        self._waiting.setdefault(address, deque()).append(begin)

    def _next_turn(self) -> None:
        self._begun = 0
        while self._waiting and self.take():
            address, queue = next(iter(self._waiting.items()))
            del self._waiting[address]
            begin = queue.popleft()
            if queue:
                self._waiting[address] = queue
            begin()
