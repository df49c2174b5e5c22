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
    behind its own.

    What is read in a turn is begun behind it, together: reading and answering one by one took a fifth more of the
    processor, which each time had to come back to the one from the other, and woke each caller by himself.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # By address; whose turn it was goes to the end.
        self._waiting: dict[str, deque[Callable[[], None]]] = {}
        self._turn_comes = False

    def wait(self, address: str, begin: Callable[[], None]) -> None:
        """Call `begin` when it is this address's turn, and not before the loop has read what there is to read."""
        queue = self._waiting.get(address)
        if queue is None:
            queue = self._waiting[address] = deque()
        queue.append(begin)
        self._expect_turn()

    def _expect_turn(self) -> None:
        if self._waiting and not self._turn_comes:
            self._turn_comes = True
            # Not in the context of whoever is first: what waits is others'.
            self._loop.call_soon(self._next_turn, context=Context())

    def _next_turn(self) -> None:
        self._turn_comes = False
        try:
            for _ in range(AT_ONCE):
                if not self._waiting:
                    break
                address, queue = next(iter(self._waiting.items()))
                del self._waiting[address]
                begin = queue.popleft()
                if queue:
                    self._waiting[address] = queue
                begin()
        finally:
            self._expect_turn()
