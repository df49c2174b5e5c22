"""Takes what a service announced to those who hear of it: at least once, in order for each subject and recipient.

There is no cursor: ids are given before commits, so a cursor runs past rows that commit late (tried: it
lost one event in six). What is in the outbox is owed, and goes when its recipient has committed it.

- Each recipient has a lane of its own. One that does not answer is tried again for ever, with back-off,
  and holds up nobody else.
- A refused event is parked with what comes later about its subject for that recipient, and nothing else
  waits for it. `outbox.redrive` puts them back in their old places.
- Several processes of a service share the subjects by shard: one relay for each, by advisory locks on a
  connection of its own. When that connection dies everything starts again. Should two relays hold one
  shard for a moment then, both send every event from the first that is owed, in order, and an inbox keeps
  what it has not seen: whoever comes first, the order stands.
- A commit in this process wakes its lanes; if another process holds the shard, one NOTIFY does for all
  commits of a millisecond (in the transaction it would lock the whole cluster's commits, and cut them to
  a third). A look each second is the safety net.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextvars import Context

import asyncpg
import msgspec

from stoa.kit.back_off import back_off
from stoa.kit.bus import Bus
from stoa.kit.db import BY_INDEX, Database
from stoa.kit.events import Event
from stoa.kit.outbox import SHARDS, Outbox, lock_parking
from stoa.kit.service import Service
from stoa.kit.telemetry import metrics

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
CONNECTIONS = 2
"""Of the relay's own, beside the one with its locks: it neither waits for requests nor makes them wait."""
SETTINGS = {**BY_INDEX, "synchronous_commit": "off"}
"""What the relay writes only forgets what was delivered: if a crash undoes it, that is delivered again."""
NOTIFY_EVERY_SECONDS = 0.001
SESSION_SECONDS = 10
"""How long the connection that holds the locks may take to answer before it counts as dead."""
CALL_CHARACTERS = 500_000
"""How much event data goes in one delivery: in the worst of alphabets half of a channel's largest message."""

_CHANNEL = "stoa_outbox"
_SHARD_LOCKS = 0x57_0A_02

RECIPIENTS = "SELECT DISTINCT recipient FROM outbox"
TAKE_SHARDS = "SELECT shard FROM unnest($2::int[]) AS shard WHERE pg_try_advisory_lock($1, shard)"
TELL_OTHERS = "SELECT pg_notify($1, '')"

OWED = """
    SELECT outbox.id, log.event_id, log.type, log.subject, log.aggregate_version, log.time, log.traceparent,
           log.data::text AS data,
           EXISTS (SELECT FROM outbox_parked AS parked
                   WHERE parked.recipient = $1 AND parked.subject = log.subject) AS behind_parked
    FROM outbox JOIN event_log AS log USING (id)
    WHERE outbox.recipient = $1 AND outbox.shard = ANY ($2::smallint[])
    ORDER BY outbox.id LIMIT 200
"""

DELIVERED = "DELETE FROM outbox WHERE recipient = $1 AND id = ANY ($2::bigint[])"

PARK = """
    WITH gone AS (
        DELETE FROM outbox WHERE recipient = $1 AND id = ANY ($2::bigint[]) RETURNING id, shard
    )
    INSERT INTO outbox_parked (recipient, id, shard, subject, reason)
    SELECT $1, gone.id, gone.shard, log.subject, refused.reason
    FROM gone
    JOIN event_log AS log USING (id)
    JOIN unnest($2::bigint[], $3::text[]) AS refused (id, reason) USING (id)
"""

# It looks again whether something is parked: since the rows were read, that may have been put back before them.
PARK_BEHIND = """
    WITH gone AS (
        DELETE FROM outbox USING event_log AS log
        WHERE outbox.recipient = $1 AND outbox.id = ANY ($2::bigint[]) AND log.id = outbox.id
          AND EXISTS (SELECT FROM outbox_parked AS parked
                      WHERE parked.recipient = $1 AND parked.subject = log.subject)
        RETURNING outbox.id, outbox.shard, log.subject
    )
    INSERT INTO outbox_parked (recipient, id, shard, subject, reason)
    SELECT $1, id, shard, subject, 'behind an event that was refused' FROM gone
"""


class Relay:
    """The relay of one service in one process."""

    def __init__(self, service: Service, db: Database, outbox: Outbox, bus: Bus) -> None:
        self._service = service.name
        self._db = Database(db.service, db.dsn, CONNECTIONS, SETTINGS)
        self._outbox = outbox
        self._bus = bus
        self._held: set[int] = set()
        self._wakes: dict[str, asyncio.Event] = {}
        self._elsewhere = asyncio.Event()
        self._running: asyncio.Task[object] | None = None
        outbox.poke = self._poke

    async def run(self) -> None:
        """Relay until stopped or cancelled; what is under way then is delivered again another time."""
        self._running = asyncio.current_task()
        failures = 0
        try:
            while True:
                try:
                    async with self._db.dedicated() as session:
                        await self._relay(session)
                    failures = 0
                except Exception as error:
                    failures += 1
                    log.warning("%s: the relay starts again: %r", self._service, error)
                await asyncio.sleep(back_off(failures, most_seconds=5))
        finally:
            await self._db.close()

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    def _poke(self, recipients: Collection[str], shards: Collection[int]) -> None:
        for recipient in recipients:
            if wake := self._wakes.get(recipient):
                wake.set()
        if not self._held.issuperset(shards):
            self._elsewhere.set()

    def _wake_all(self, *_: object) -> None:
        for wake in self._wakes.values():
            wake.set()

    async def _relay(self, session: asyncpg.Connection) -> None:
        lost = asyncio.Event()
        session.add_termination_listener(lambda _: lost.set())
        await session.add_listener(_CHANNEL, self._wake_all)
        owed = {row["recipient"] for row in await session.fetch(RECIPIENTS)}
        self._wakes = {recipient: asyncio.Event() for recipient in self._outbox.recipients | owed}
        create_task = asyncio.get_running_loop().create_task
        tasks = [create_task(self._lane(recipient), context=Context()) for recipient in self._wakes]
        tasks.append(create_task(self._tell_others(), context=Context()))
        try:
            await self._hold_shards(session, lost)
        finally:
            self._held.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hold_shards(self, session: asyncpg.Connection, lost: asyncio.Event) -> None:
        """Take every shard that nobody holds, now and whenever one comes free, until the connection dies."""
        while not lost.is_set():
            missing = sorted(set(range(SHARDS)) - self._held)
            taken = await session.fetch(TAKE_SHARDS, _SHARD_LOCKS, missing, timeout=SESSION_SECONDS)
            if taken:
                self._held.update(row["shard"] for row in taken)
                self._wake_all()
            await _set_or_timeout(lost, POLL_SECONDS)

    async def _tell_others(self) -> None:
        while True:
            await self._elsewhere.wait()
            self._elsewhere.clear()
            try:
                await self._db.execute(TELL_OTHERS, _CHANNEL)
            except Exception as error:
                log.warning("%s: nobody was told of new events, they will look: %r", self._service, error)
            await asyncio.sleep(NOTIFY_EVERY_SECONDS)

    async def _lane(self, recipient: str) -> None:
        wake = self._wakes[recipient]
        failures = 0
        while True:
            wake.clear()
            try:
                moved = await self._pass_on(recipient)
            except Exception as error:
                if failures == 0:
                    log.warning("%s: %s does not take events: %r", self._service, recipient, error)
                failures += 1
                await asyncio.sleep(back_off(failures))
                continue
            if failures:
                log.info("%s: %s takes events again", self._service, recipient)
                failures = 0
            if not moved:
                await _set_or_timeout(wake, POLL_SECONDS)

    async def _pass_on(self, recipient: str) -> bool:
        """Deliver the first of what is owed; whether there was anything."""
        if not self._held:
            return False
        owed = await self._db.fetch(OWED, recipient, sorted(self._held))
        if behind := [row["id"] for row in owed if row["behind_parked"]]:
            async with self._db.transaction() as tx:
                await lock_parking(tx)
                await tx.execute(PARK_BEHIND, recipient, behind)
        refused: set[str] = set()
        for rows in _calls([row for row in owed if not row["behind_parked"]]):
            sending = [row for row in rows if row["subject"] not in refused]
            if not sending:
                continue
            refusals = await self._bus.deliver(recipient, [self._event(row) for row in sending])
            reasons = {refusal.event_id: refusal.reason for refusal in refusals}
            arrived = [row["id"] for row in sending if row["event_id"] not in reasons]
            await self._db.execute(DELIVERED, recipient, arrived)
            metrics.EVENTS_DELIVERED.labels(self._service, recipient).inc(len(arrived))
            if len(arrived) < len(sending):
                parked = {row["id"]: reasons[row["event_id"]] for row in sending if row["event_id"] in reasons}
                refused.update(row["subject"] for row in sending if row["id"] in parked)
                await self._park(recipient, parked)
        return bool(owed)

    async def _park(self, recipient: str, reasons: Mapping[int, str]) -> None:
        for reason in reasons.values():
            log.error("%s: %s refuses an event: %s", self._service, recipient, reason)
        async with self._db.transaction() as tx:
            await lock_parking(tx)
            await tx.execute(PARK, recipient, list(reasons), list(reasons.values()))

    def _event(self, row: asyncpg.Record) -> Event:
        return Event(
            id=row["event_id"],
            type=row["type"],
            source=self._service,
            subject=row["subject"],
            time=row["time"],
            aggregateversion=row["aggregate_version"],
            traceparent=row["traceparent"],
            data=msgspec.json.decode(row["data"]),
        )


def _calls(rows: Sequence[asyncpg.Record]) -> Iterator[list[asyncpg.Record]]:
    """The rows in order, cut so that no call carries too much."""
    call: list[asyncpg.Record] = []
    characters = 0
    for row in rows:
        if call and characters + len(row["data"]) > CALL_CHARACTERS:
            yield call
            call, characters = [], 0
        call.append(row)
        characters += len(row["data"])
    if call:
        yield call


async def _set_or_timeout(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
