"""Behavior events: a lane beside the outbox for what is much and none of it money.

    views = resources.stream("product-views")           declared under `streams`
    views.append(Viewed(product_id=..., visitor=...))   returns at once

What is appended gathers for half a second, or until it is a batch, and is written as one row: no transaction for each
event, and no row for each of those who read it. Whoever follows the topic (`stoa.kit.followers`) reads batches and
keeps for itself how far it is.

- Nothing waits here: who appends neither waits for the database nor fails with it. While it does not answer, some
  megabytes gather; then the oldest events are dropped, and counted. What gathers in a process that is killed is lost.
- From its commit on an event is delivered at least once, for as long as it is kept.
- One writer of a topic commits after the other, under a lock that is taken before the row gets its id. So ids become
  visible in their order, and a reader may go by them: without it one that commits late would be passed by for ever.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from datetime import timedelta
from typing import NamedTuple

import msgspec

from stoa.kit import clock
from stoa.kit.back_off import back_off
from stoa.kit.db import Database, Db, affected
from stoa.kit.ids import uuid7
from stoa.kit.rounds import in_rounds
from stoa.kit.telemetry import metrics

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.5
"""How long the first event waits for others: nobody needs behavior sooner, and a commit costs the same for one."""
BATCH_BYTES = 64_000
"""Some 350 events: one that big is written at once. What a reader gets in a call is a few of them."""
EVENT_BYTES = 16_000
"""The largest event: who has more to tell than that means something else."""
WAITING_BYTES = 4_000_000
"""What gathers while the database does not answer: some 20,000 events."""
LONGEST_BACK_OFF_SECONDS = 5
CLOSE_SECONDS = 2.0
"""For what has gathered when the process stops."""
MOST_BATCHES = 16
"""Of one answer to a reader: a megabyte of JSON at most, before it is compressed."""
MOST_COUNTED = 10_000
"""Batches; counting ends here."""

WRITING = 0x57_0A_05
"""The advisory lock under which a topic is written."""

# The subselect is done before the row gets its id, and OFFSET keeps it from being merged into what is around it.
WRITE = """
    INSERT INTO stream_batches (topic, batch, events, data)
    SELECT $1, $2, $3, $4 FROM (SELECT pg_advisory_xact_lock($5, hashtext($1)) OFFSET 0) AS turn
    ON CONFLICT (batch) DO NOTHING
"""


class EventTooLarge(ValueError):
    """An event of a stream is larger than `EVENT_BYTES`."""


class UndeclaredStream(Exception):
    """A service asked for a stream that its line in `stoa.app` does not list under `streams`."""


class Stream:
    """What one service writes to a topic from this process."""

    def __init__(self, topic: str, db: Database) -> None:
        self.topic = topic
        self.db = db
        self.written: Callable[[], None] = _nobody_to_tell
        """Set by the process: called after a commit."""
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._enough = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    def append(self, *events: object) -> None:
        """Take structs or dicts, as they are now. Raises `EventTooLarge`, and then takes none of them."""
        lines = [msgspec.json.encode(event) for event in events]
        for line in lines:
            if len(line) > EVENT_BYTES:
                raise EventTooLarge(f"an event of {self.topic} has {len(line)} bytes, and may have {EVENT_BYTES}")
        self._waiting.extend(lines)
        self._bytes += sum(map(len, lines))
        dropped = 0
        while self._bytes > WAITING_BYTES or (self._closed and self._waiting):
            self._bytes -= len(self._waiting.popleft())
            dropped += 1
        self._drop(dropped)
        if self._bytes >= BATCH_BYTES:
            self._enough.set()
        if self._waiting and self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write(), context=Context())

    @property
    def is_written(self) -> bool:
        """Whether nothing is left here that is not in the database."""
        return self._writing is None

    async def close(self, within_seconds: float = CLOSE_SECONDS) -> None:
        """Write what has gathered; what is appended from now on, or takes longer, is dropped."""
        self._closed = True
        self._enough.set()
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=within_seconds)
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        self._drop(len(self._waiting))
        self._waiting.clear()

    async def _write(self) -> None:
        """Write until nothing is left: while nobody appends there is no task and no timer."""
        try:
            while self._waiting:
                if self._bytes < BATCH_BYTES and not self._closed:
                    self._enough.clear()
                    await _set_within(self._enough, GATHER_SECONDS)
                await self._write_batch(self._take())
        finally:
            self._writing = None

    def _take(self) -> list[bytes]:
        lines: list[bytes] = []
        taken = 0
        while self._waiting and taken < BATCH_BYTES:
            lines.append(self._waiting.popleft())
            taken += len(lines[-1])
        self._bytes -= taken
        return lines

    async def _write_batch(self, lines: Sequence[bytes]) -> None:
        batch, data = uuid7(), zlib.compress(b"\n".join(lines), 1)
        failures = 0
        try:
            while not await self._try(batch, len(lines), data, failures):
                failures += 1
                await asyncio.sleep(back_off(failures, LONGEST_BACK_OFF_SECONDS))
        except asyncio.CancelledError:
            self._drop(len(lines))
            raise
        if failures:
            log.info("%s: %s is written again", self.db.service, self.topic)
        metrics.STREAM_EVENTS.labels(self.db.service, self.topic, "written").inc(len(lines))
        self.written()

    async def _try(self, batch: str, events: int, data: bytes, failures: int) -> bool:
        try:
            await self.db.execute(WRITE, self.topic, batch, events, data, WRITING)
        except Exception as error:
            if failures == 0:
                log.warning("%s: %s cannot be written: %r", self.db.service, self.topic, error)
            return False
        return True

    def _drop(self, events: int) -> None:
        if events:
            metrics.STREAM_EVENTS.labels(self.db.service, self.topic, "dropped").inc(events)


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _nobody_to_tell() -> None:
    """Nothing runs in this process that could tell a follower: it looks by itself."""


class Batch(NamedTuple):
    """A row as a reader gets it."""

    id: int
    data: bytes

    def lines(self) -> list[dict[str, object]]:
        """The events, in the order in which they were appended."""
        events: list[dict[str, object]] = _decode(zlib.decompress(self.data))
        return events


_decode = msgspec.json.Decoder(dict[str, object]).decode_lines

READ = "SELECT id, data FROM stream_batches WHERE topic = $1 AND id >= $2 ORDER BY id LIMIT $3"


async def read(db: Db, topic: str, first: int, most: int) -> list[Batch]:
    """The batches of a topic from `first` on."""
    return [Batch(*row) for row in await db.fetch(READ, topic, first, min(most, MOST_BATCHES))]


COUNT = """
    SELECT coalesce(sum(events), 0)::bigint
    FROM (SELECT events FROM stream_batches WHERE topic = $1 AND id >= $2 ORDER BY id LIMIT $3) AS first
"""


async def count(db: Db, topic: str, first: int) -> int:
    """How many events there are from the batch `first` on; at most those of `MOST_COUNTED` batches."""
    return int(await db.fetchval(COUNT, topic, first, MOST_COUNTED))


# It looks at the oldest alone, whatever their age: those behind them are younger.
PRUNE = """
    WITH oldest AS MATERIALIZED (SELECT id, at FROM stream_batches WHERE topic = $1 ORDER BY id LIMIT $3)
    DELETE FROM stream_batches AS batch USING oldest
    WHERE batch.topic = $1 AND batch.id = oldest.id AND oldest.at < $2
"""


async def prune(db: Database, topic: str, older_than: timedelta) -> int:
    """Forget what was written longer ago, read or not; how many batches."""
    before = clock.now() - older_than

    async def forget(most: int) -> int:
        return affected(await db.execute(PRUNE, topic, before, most))

    return await in_rounds(forget)
