"""Following a stream: its batches are read from where they were written, and each event has its effect once.

How far a follower is stands in its own database and moves in the transaction of the handler's effect. Who dies in
between finds both undone and reads the batch again. Of several processes of a service the one whose move finds the
place as it knew it has the batch; the others leave it to that one.

Where a handler fails, its events go again one after the other. One that fails `MOST_ATTEMPTS` times is parked in
`stream_parked`, in sight, and passed by: what is behind it are others' events, and no order is promised to anybody but
that of the topic. `redrive` tries it again. What cannot run because something else is down does not count as an
attempt.

A follower looks when it is told that there is something new, at its start, and at the beats of its process's pulse.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextvars import Context
from typing import NamedTuple, Protocol

from stoa.kit import context, stream_parked
from stoa.kit.back_off import back_off
from stoa.kit.db import Database, Db, Transaction, affected, after_commit
from stoa.kit.problems import Unavailable, with_type
from stoa.kit.pulse import Pulse
from stoa.kit.service import StreamHandler
from stoa.kit.streams import Batch
from stoa.kit.telemetry import metrics

log = logging.getLogger(__name__)

BATCHES = 4
"""That are read at once and share a transaction: a quarter of a megabyte of events."""
MOST_ATTEMPTS = 6
"""With back-off that is some three seconds, for which the topic stands still."""
HANDLER_SECONDS = 30
"""A handler only uses its own database: what takes longer hangs."""
IN_OTHER_HANDS_SECONDS = 1.0
"""When to look again at what another process has in hand, which may die."""
TRIED_AGAIN = 300
"""Of what is parked, in one transaction."""

Parked = tuple[int, dict[str, object]]


class Source(Protocol):
    """Where batches come from."""

    async def read(self, source: str, topic: str, first: int, most: int) -> Sequence[Batch]: ...

    async def count(self, source: str, topic: str, first: int) -> int: ...


class Place(NamedTuple):
    """`done` events of the batch `next`, and everything before it."""

    next: int
    done: int


class _InOtherHands(Exception):
    """Another process has moved on from here, or is about to."""


class Follower:
    """One service's reading of a topic of another, in one process."""

    def __init__(  # noqa: PLR0917 - who reads what, with what
        self,
        db: Database,
        source: str,
        topic: str,
        handler: StreamHandler,
        batches: Source,
        pulse: Pulse | None = None,
    ) -> None:
        self.source = source
        self.topic = topic
        self._db = db
        self._handler = handler
        self._batches = batches
        self._pulse = pulse or Pulse()
        self._told = asyncio.Event()
        self._place: Place | None = None
        """Where we are, as far as this process knows."""
        self._running: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._db.service

    def tell(self) -> None:
        """There is something new."""
        self._told.set()

    async def run(self) -> None:
        """Read until stopped or canceled; what is under way then is rolled back, and done another time."""
        # In a context of its own: a handler has nothing of whoever started the process.
        self._running = asyncio.get_running_loop().create_task(self._run(), context=Context())
        await self._running

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def behind(self) -> int:
        """How many events are written that have no effect here yet. Raises `Unavailable`."""
        place = await find_place(self._db, self.source, self.topic)
        return max(0, await self._batches.count(self.source, self.topic, place.next) - place.done)

    async def redrive(self) -> int:
        """Have what is parked tried again; how many events had their effect. An operator's act, safe to repeat.

        What fails once more stays parked. The handler runs in turn with that of whoever follows.
        """
        done = last = 0
        while parked := await stream_parked.following(self._db, self.source, self.topic, last, TRIED_AGAIN):
            last, _ = parked[-1]
            try:
                done += await self._do_parked(parked)
            except Unavailable:
                raise
            except Exception:
                done += await self._do_parked_alone(parked)
        if last:
            await stream_parked.note_redriven(self._db, self.source, self.topic, done)
        return done

    async def _do_parked(self, parked: Sequence[Parked]) -> int:
        async with self._db.transaction() as tx:
            await tx.execute(LOCK, self.source, self.topic)
            if not await stream_parked.take(tx, [parked_id for parked_id, _ in parked]):
                raise LookupError("somebody else has taken some of them")
            await self._handle(tx, [event for _, event in parked])
        return len(parked)

    async def _do_parked_alone(self, parked: Sequence[Parked]) -> int:
        done = 0
        for each in parked:
            try:
                done += await self._do_parked([each])
            except Unavailable:
                raise
            except Exception as error:
                await stream_parked.failed_again(self._db, each[0], with_type(error))
        return done

    async def _run(self) -> None:
        failures = 0
        while True:
            self._told.clear()
            try:
                moved = await self._round()
            except _InOtherHands:
                self._place = None
                await self._pulse.wait(self._told, IN_OTHER_HANDS_SECONDS)
            except Exception as error:
                # It may have committed.
                self._place = None
                if failures == 0:
                    log.warning("%s: %s of %s waits: %r", self.name, self.topic, self.source, error)
                failures += 1
                await asyncio.sleep(back_off(failures))
            else:
                failures = 0
                if not moved:
                    await self._pulse.wait(self._told)

    async def _round(self) -> bool:
        """Read what is next and do it; whether there was anything."""
        if self._place is None:
            self._place = await find_place(self._db, self.source, self.topic)
        batches = await self._batches.read(self.source, self.topic, self._place.next, BATCHES)
        if not batches:
            return False
        events = [
            (Place(batch.id, position), event)
            for batch in batches
            for position, event in enumerate(batch.lines())
            if Place(batch.id, position) >= self._place
        ]
        ends = [place for place, _ in events[1:]] + [Place(batches[-1].id + 1, 0)]
        try:
            await self._do([event for _, event in events], ends[-1])
        except (Unavailable, _InOtherHands):
            raise
        except Exception:
            for (_, event), end in zip(events, ends, strict=True):
                await self._do_alone(event, end)
        self._pulse.quicken()
        return True

    async def _do(self, events: Sequence[dict[str, object]], end: Place) -> None:
        async with self._db.transaction() as tx:
            await self._move(tx, end)
            await self._handle(tx, events)
        self._place = end

    async def _handle(self, tx: Transaction, events: Sequence[dict[str, object]]) -> None:
        with context.using(context.fresh()):
            async with asyncio.timeout(HANDLER_SECONDS):
                await self._handler(tx, events)
        after_commit(lambda: self._count("done", len(events)))

    async def _do_alone(self, event: dict[str, object], end: Place) -> None:
        for attempts in range(1, MOST_ATTEMPTS + 1):
            try:
                await self._do([event], end)
            except (Unavailable, _InOtherHands):
                raise
            except Exception as error:
                what = with_type(error)
                if attempts == MOST_ATTEMPTS:
                    log.error("%s: an event of %s is parked", self.name, self.topic, exc_info=error)
                    await self._park(event, end, what)
                    return
                log.warning("%s: an event of %s failed %s times: %s", self.name, self.topic, attempts, what)
                await asyncio.sleep(back_off(attempts))
            else:
                return

    async def _park(self, event: dict[str, object], end: Place, error: str) -> None:
        async with self._db.transaction() as tx:
            await self._move(tx, end)
            await stream_parked.park(tx, self.source, self.topic, event, error)
            after_commit(lambda: self._count("parked", 1))
        self._place = end

    async def _move(self, tx: Transaction, end: Place) -> None:
        assert self._place is not None
        if affected(await tx.execute(MOVE, self.source, self.topic, *self._place, *end)) == 0:
            raise _InOtherHands

    def _count(self, outcome: str, events: int) -> None:
        metrics.STREAM_EVENTS_HANDLED.labels(self.name, self.topic, outcome).inc(events)


PLACE = "SELECT next, done FROM stream_offsets WHERE source = $1 AND topic = $2"
BEGIN = "INSERT INTO stream_offsets (source, topic, next, done) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING"


async def find_place(db: Db, source: str, topic: str) -> Place:
    """How far a service is. One that comes new begins with the oldest that is kept."""
    row = await db.fetchrow(PLACE, source, topic)
    if row is None:
        await db.execute(BEGIN, source, topic)
        row = await db.fetchrow(PLACE, source, topic)
    assert row is not None
    return Place(*row)


# The row is locked before the handler begins. Who finds it locked or moved has no effect.
MOVE = """
    WITH here AS (
        SELECT source, topic FROM stream_offsets
        WHERE source = $1 AND topic = $2 AND next = $3 AND done = $4
        FOR UPDATE SKIP LOCKED
    )
    UPDATE stream_offsets AS place SET next = $5, done = $6
    FROM here WHERE place.source = here.source AND place.topic = here.topic
"""

LOCK = "SELECT FROM stream_offsets WHERE source = $1 AND topic = $2 FOR UPDATE"
