"""What goes to one recipient from this process: what was just committed here, and when to look for more.

What is committed here is at hand, encoded. Where it is the first that is ever said of its subject, or all that was
owed to anybody had arrived when it was announced, nothing older of its subject can be owed: so it goes at once and
nothing is looked up. Anything else may be behind something that this process knows nothing of. Then the lane looks in
the database, which has everything in order, and forgets what waits here: that is there too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from stoa.kit.events import Owed

MOST_WAITING = 2_000
"""How many events wait in memory for one recipient. What is more is in the database, as all of them are."""


class Lane:
    """The memory of the lane to one recipient: no I/O."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.must_look = True
        """Whether there may be anything owed that is not in memory."""
        self._waiting: list[Owed] = []

    def add(self, news: Sequence[Owed]) -> None:
        """What was just committed here goes after what is under way, or is left to the next look."""
        self.wake.set()
        if self.must_look:
            return
        if len(self._waiting) + len(news) <= MOST_WAITING and all(each.is_next for each in news):
            self._waiting += news
        else:
            self.look()

    def look(self) -> None:
        """Have the lane look in the database: nothing of what waits in memory goes before that."""
        self.must_look = True
        self._waiting = []
        self.wake.set()

    def looking(self) -> None:
        """It looks now: what is committed from now on is in memory again."""
        self.look()
        self.must_look = False

    def found(self, owed: Collection[Owed]) -> None:
        """This was in the database, and goes before what has come meanwhile."""
        found = {each.number for each in owed}
        self._waiting = [each for each in self._waiting if each.number not in found]

    def take(self) -> Sequence[Owed]:
        """What waits, in order."""
        waiting, self._waiting = self._waiting, []
        return waiting
