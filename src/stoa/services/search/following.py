"""The index of this process follows the documents: a whole copy, which says of itself how far behind it may be.

Whoever writes documents in this process wakes it; what another process wrote is seen by a look, which is one statement.
A search has one made where the last is older than `LOOK_AGAIN_SECONDS`, and waits for it where that was long ago, so at
rest nothing is asked, and whoever searches after a night finds what was added in it.

How far the index is stands in itself, with what it has (`Checkpoint`): killed at any moment it goes on from its last
commit. One that cannot go on (damaged, of another database, away for longer than tombstones last) is filled from the
documents, and nobody is answered out of it before that is done. To be built anew (`stoa reindex`), another is filled
beside it and takes its place whole.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from stoa.kit.crash_points import Reach
from stoa.kit.db import Database
from stoa.kit.problems import Unavailable
from stoa.kit.telemetry import metrics
from stoa.ports.search import BadDocument, Document, InUse, Removed, SearchIndex
from stoa.services.search import attributes_repository, repository, rules_repository
from stoa.services.search.attributes import NO_ATTRIBUTES, Attributes
from stoa.services.search.document import decoded
from stoa.services.search.errors import IndexBehind, IndexTaken
from stoa.services.search.repository import Change, Head, Index
from stoa.services.search.rules import NO_RULES, Rules
from stoa.services.search.worker import Worker

log = logging.getLogger(__name__)

TRIED_AGAIN_SECONDS = 60.0
"""A build that failed: what it met (a full disk) is not over at once."""
TELL_SECONDS = 1.0
"""How often a build says how far it is."""
READ_AT_ONCE = 500
"""Documents: about a megabyte."""
COMMIT_SECONDS = 0.5
"""While there is more, what was written is seen after so long: each commit is a flush of the disk."""
FILLED_SECONDS = 20.0
"""And so long where nobody is answered before everything is there: it is what a killed process does once more. Each
commit is a segment too, and a search looks into every one."""
APART_SECONDS = 0.1
"""Between commits: of changes that come one by one, those of a moment share one."""
LOOK_AGAIN_SECONDS = 0.25
"""A search that finds the last look to be older has one made for those after it."""
FRESH_SECONDS = 0.4
"""And where it is older than this, waits for it: with what the gateway keeps a page for, that is below a second."""
WAIT_SECONDS = 0.5
"""For as long: a look is a matter of a millisecond."""
FAR_BEHIND_SECONDS = 2.0
"""From here on the feed of this process writes no more documents before this index has those that there are."""


class Checkpoint(msgspec.Struct, frozen=True):
    """What an index has: all changes up to a `revision`, built for a `generation`, out of a `database`."""

    database: int
    generation: int
    revision: int

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


NOTHING = Checkpoint(0, 0, 0)


class Following:
    """`open_index` opens this process's own, which nobody else has."""

    def __init__(
        self,
        db: Database,
        open_index: Callable[[], Awaitable[SearchIndex]],
        *,
        most_behind_seconds: float,
        reach: Reach,
    ) -> None:
        self._db = db
        self._open = open_index
        self._most_behind = most_behind_seconds
        self._reach = reach
        self._index: SearchIndex | None = None
        self._taken = False
        """By another process, as of the last time it was to be opened."""
        self._current_at: float | None = None
        """As of when it has everything."""
        self._committed_at = 0.0
        self._turn = asyncio.Lock()
        self._rebuilding: asyncio.Task[None] | None = None
        self._rebuild_at = 0.0
        self._rules_revision = -1
        self._attributes_revision = -1
        self.worker = Worker(self._round)
        self.at = NOTHING
        """What the index has."""
        self.revision = 0
        """Of the newest change, as of the last look."""
        self.generation = 0
        self.rules: Rules = NO_RULES
        self.attributes: Attributes = NO_ATTRIBUTES
        self._told_at = 0.0

    @property
    def documents(self) -> int:
        return self._index.documents if self._index is not None else 0

    @property
    def behind_seconds(self) -> float | None:
        """For how long it may have missed something that the documents have; None where it never had everything."""
        return None if self._current_at is None else time.monotonic() - self._current_at

    async def current(self) -> SearchIndex:
        """The index to answer from. Raises `IndexBehind` where it is behind by more than it may be."""
        behind = self.behind_seconds
        if behind is None or behind > FRESH_SECONDS:
            with suppress(Unavailable):
                await self.look()
            behind = self.behind_seconds
        elif behind > LOOK_AGAIN_SECONDS:
            self.worker.wake()
        if self._index is None or behind is None or behind > self._most_behind:
            raise IndexBehind
        return self._index

    async def keep_up(self) -> None:
        """Let the index catch up, if it is far behind what is written."""
        behind = self.behind_seconds
        if behind is not None and behind > FAR_BEHIND_SECONDS:
            await self.worker.idle()

    async def look(self) -> None:
        """See what others wrote, and wait for that, but not for long. Raises `Unavailable`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self.worker.run()

    async def check(self) -> None:
        """Raises `IndexBehind` while nobody can be answered."""
        await self.current()

    async def check_own(self) -> None:
        """Raises `IndexTaken` while this process has no index at all, since another one has its folder open."""
        if self._index is None:
            with suppress(Unavailable):
                await self.look()
            if self._taken:
                raise IndexTaken

    async def forget_removed(self, before: datetime) -> None:
        """What the documents no longer remember, the index need not either: with the next commit."""
        async with self._turn:
            if self._index is not None:
                await self._index.forget_removed(before)

    async def stop(self) -> None:
        await self.worker.stop()
        if self._rebuilding is not None:
            self._rebuilding.cancel()
            await asyncio.wait([self._rebuilding])
        index, self._index = self._index, None
        if index is not None:
            await index.close()
            with suppress(Unavailable):
                await repository.forget_index(self._db, self._db.session)

    async def _round(self) -> None:
        began = time.monotonic()
        head = await repository.head(self._db)
        if head.rules_revision != self._rules_revision:
            self.rules = await rules_repository.read_rules(self._db)
            self._rules_revision = head.rules_revision
        if head.attributes_revision != self._attributes_revision:
            self.attributes = Attributes(await attributes_repository.attributes(self._db))
            self._attributes_revision = head.attributes_revision
        self.revision, self.generation = head.revision, head.generation
        if self._index is None:
            self._index = await self._opened(head)
        if not self._goes_on(head):
            self._current_at = None
            await self._build(self._index, head)
        elif self.at.revision < head.revision:
            async with self._turn:
                await self._catch_up(self._index, head)
        self._current_at = began
        if self.at.generation < head.generation and self._rebuilding is None and began >= self._rebuild_at:
            self._rebuilding = asyncio.create_task(self._build(self._index, head), name="search.build")
            self._rebuilding.add_done_callback(self._built)

    async def _opened(self, head: Head) -> SearchIndex:
        try:
            index = await self._open()
        except InUse as other:
            self._taken = True
            raise IndexTaken from other
        self._taken = False
        if index.checkpoint is None:
            log.info("the index is empty", extra={"why": index.empty_because})
            self.at = Checkpoint(head.database, head.generation, 0)
        else:
            try:
                self.at = msgspec.json.decode(index.checkpoint, type=Checkpoint)
            except msgspec.MsgspecError:
                self.at = NOTHING
        return index

    def _goes_on(self, head: Head) -> bool:
        """Whether the index has what the documents had at its revision, and nothing that ended unseen since."""
        at = self.at
        seen_all_ends = at.revision == 0 or at.revision >= head.forgotten
        return at.database == head.database and at.revision <= head.revision and seen_all_ends

    async def _catch_up(self, index: SearchIndex, head: Head) -> None:
        """Write what is new, in turn with whoever swaps indexes."""
        revision = self.at.revision
        more = True
        while more:
            asked_at = time.monotonic()
            changes = await repository.changes_after(self._db, revision, READ_AT_ONCE)
            await self._write(index, changes)
            more = len(changes) == READ_AT_ONCE
            # What is not there any more was forgotten: nothing up to the head is missing.
            revision = changes[-1].revision if more else max([head.revision, *(one.revision for one in changes)])
            every = COMMIT_SECONDS if self._current_at is not None else FILLED_SECONDS
            if not more or time.monotonic() > self._committed_at + every:
                await asyncio.sleep(self._committed_at + APART_SECONDS - time.monotonic())
                self._reach("search:written")
                at = Checkpoint(self.at.database, self.at.generation, revision)
                await index.commit(at.encode())
                self._reach("search:committed")
                self.at = at
                self._committed_at = time.monotonic()
                if more and self._current_at is not None:
                    # It had everything once, and has now what was there when the last of these was written: however
                    # long what there is more takes, it is behind by no more than that.
                    self._current_at = max(self._current_at, asked_at - changes[-1].age_seconds)

    async def _write(self, index: SearchIndex, changes: Sequence[Change]) -> None:
        """What cannot be read, or cannot be indexed, is not found, and the rest is."""
        written = [*map(_change, changes)]
        while True:
            try:
                await index.write(written)
            except BadDocument as bad:
                written = [_set_aside(one, bad) if one.id == bad.id else one for one in written]
            else:
                return

    async def _build(self, index: SearchIndex, head: Head) -> None:
        """Fill an empty index from the documents, while this one answers if it can, and have it take its place."""
        log.info("an index is being built", extra={"generation": head.generation, "revisions": head.revision})
        fresh = await index.anew()
        self._told_at = 0.0
        revision = await self._fill(fresh, 0, head)
        async with self._turn:
            # What came meanwhile. Nothing is written to the one that answers until they have changed places.
            revision = await self._fill(fresh, revision, head)
            usable = self.at.revision if self._current_at is not None else 0
            at = Checkpoint(head.database, head.generation, max(revision, usable, head.revision))
            await fresh.commit(at.encode())
            self._reach("search:built")
            await index.become(fresh)
            self.at = at
        await self._tell(head.generation, head.revision, head.revision)
        log.info("an index was built", extra={"generation": head.generation, "documents": index.documents})

    async def _fill(self, fresh: SearchIndex, revision: int, head: Head) -> int:
        """All that changed after a revision; the last."""
        more = True
        while more:
            changes = await repository.changes_after(self._db, revision, READ_AT_ONCE)
            await self._write(fresh, changes)
            more = len(changes) == READ_AT_ONCE
            revision = max([revision, *(one.revision for one in changes)])
            if more and time.monotonic() > self._told_at + TELL_SECONDS:
                await self._tell(head.generation, min(revision, head.revision - 1), head.revision)
        return revision

    async def _tell(self, generation: int, done: int, of: int) -> None:
        """Whoever waits for it, how far it is."""
        self._told_at = time.monotonic()
        await repository.tell_index(self._db, Index(self._db.session, generation, done, of))

    def _built(self, task: asyncio.Task[None]) -> None:
        self._rebuilding = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an index could not be built", exc_info=error)
            self._rebuild_at = time.monotonic() + TRIED_AGAIN_SECONDS


def _change(change: Change) -> Document | Removed:
    if change.document is None:
        return Removed(change.product_id, change.revision)
    try:
        return decoded(change.document, change.revision)
    except msgspec.MsgspecError as bad:
        return _set_aside(Removed(change.product_id, change.revision), bad)


def _set_aside(one: Document | Removed, why: Exception) -> Removed:
    log.error("a product cannot be found", extra={"product": one.id}, exc_info=why)
    metrics.SEARCH_SET_ASIDE.inc()
    return Removed(one.id, one.version)
