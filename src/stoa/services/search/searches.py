"""What is searched for, counted in memory and written together: a search costs no statement.

Counted is the first page of a search with words and no filter, by day and by how searches are compared; nobody is told
from anybody. One of which nothing has all words found nothing. Who wrote an address or a number that may be a person's
is not counted. A kill loses what gathered.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from datetime import date

from stoa.kit import clock
from stoa.kit.db import Database
from stoa.kit.problems import Unavailable
from stoa.services.search import searches_repository
from stoa.services.search.rules import compared
from stoa.services.search.searches_repository import Counted

log = logging.getLogger(__name__)

GATHER_SECONDS = 10.0
"""From the first that is counted to the writing of all that came since."""
MOST_GATHERED = 5_000
"""Different ones that are kept until then, half a megabyte; what is more is the rest of the day's."""
THE_REST = ""
PERSONAL = re.compile(r"@|(\d[\s/()+.-]*){9}")
"""An e-mail address, or as many digits as a telephone number or a card has."""


class Searches:
    """`most_a_day` different searches are kept of a day; the rest is counted as one."""

    def __init__(self, db: Database, most_a_day: int) -> None:
        self._db = db
        self._most_a_day = most_a_day
        self._gathered: dict[tuple[date, str], Counted] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def count(self, text: str, results: int) -> None:
        """Somebody searched for `text`, and so many were found. Returns at once."""
        query = compared(text)
        if not query or PERSONAL.search(query):
            return
        key = (clock.now().date(), query)
        if key not in self._gathered and len(self._gathered) >= MOST_GATHERED:
            key = (key[0], THE_REST)
        before = self._gathered.get(key, Counted(0, 0, 0))
        self._gathered[key] = Counted(before.times + 1, before.without + (results == 0), before.results + results)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._write_soon)

    async def write(self) -> None:
        """Write what has gathered. What the database does not take goes with the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered = self._gathered, {}
        try:
            await searches_repository.add_searches(self._db, gathered, self._most_a_day)
        except Unavailable as error:
            log.warning("what was searched for waits to be written", extra={"reason": error.detail})
            self._put_back(gathered)

    def _write_soon(self) -> None:
        self._timer = None
        self._writing = asyncio.get_running_loop().create_task(self.write())

    def _put_back(self, gathered: Mapping[tuple[date, str], Counted]) -> None:
        for key, counted in gathered.items():
            if key in self._gathered or len(self._gathered) < MOST_GATHERED:
                since = self._gathered.get(key, Counted(0, 0, 0))
                self._gathered[key] = Counted(*map(sum, zip(since, counted, strict=True)))
        if self._gathered and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._write_soon)

    async def stop(self) -> None:
        """Write the last of it."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        await self.write()
        if self._timer is not None:
            self._timer.cancel()
