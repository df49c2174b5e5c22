"""Which locks somebody else holds, as far as that is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping
from typing import Any

Holders = Callable[[Collection[Any]], Awaitable[Mapping[Any, str]]]
"""Who holds which of these locks at this moment, by a name that no other holder has. What is not in the answer is
free. It waits for none of them."""


class HeldLocks:
    """A lock is known as held from when `find` has found it to when `look_again` finds it otherwise."""

    def __init__(self, holders: Holders) -> None:
        self._holders = holders
        self._known: dict[Hashable, str] = {}

    def any_of(self, locks: Iterable[Hashable]) -> bool:
        return bool(self._known) and not self._known.keys().isdisjoint(locks)

    async def find(self, locks: Collection[Hashable]) -> None:
        """Learn which of these are held: one of them was waited for in vain."""
        self._known |= await self._holders(locks)

    async def look_again(self) -> None:
        """Forget the locks that are free, and those that another holds by now: they go from hand to hand, and whoever
        queues for one gets it. Always to be told that it is held just now, he would never."""
        before = dict(self._known)
        now = await self._holders(before)
        for lock, holder in before.items():
            if now.get(lock) != holder:
                self._known.pop(lock, None)
