"""Takes what a service announced to those who hear of it: at least once, in order for each subject and recipient.

There is no cursor: ids are given before commits, so a cursor runs past rows that commit late (tried: it
lost one event in six). What is in the outbox is owed, and goes when its recipient has committed it.

- Each recipient has a lane of its own. One that does not answer is tried again for ever, with back-off,
  and holds up nobody else. Who is not among those who hear has none: what is owed to one who is gone, or whom only
  another process knows of yet, is left where it is.
- A refused event is parked with what comes later about its subject for that recipient, and nothing else
  waits for it. `outbox.redrive` puts them back in their old places.
- Several processes of a service share the subjects by shard: one relay for each, by advisory locks on a
  connection of its own. When that connection dies everything starts again. Should two relays hold one
  shard for a moment then, both send every event from the first that is owed, in order, and an inbox keeps
  what it has not seen: whoever comes first, the order stands.
- A commit in this process wakes its lanes; if another process holds the shard, one NOTIFY does for all
  commits of a millisecond (in the transaction it would lock the whole cluster's commits, and cut them to
  a third).
- Where nothing is owed for a while, a relay lets go of its shards and its connection, and looks at the beats
  of its process's pulse whether another process has left something: one that died is relayed for within that time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

import asyncpg
import msgspec

from stoa.kit.back_off import back_off
from stoa.kit.bus import Bus
from stoa.kit.db import BY_INDEX, Database, Transaction
from stoa.kit.events import Event
from stoa.kit.outbox import CHANNEL, OWED_RECIPIENTS, SHARDS, TELL_OTHERS, Outbox, lock_parking
from stoa.kit.pulse import Pulse
from stoa.kit.service import Service
from stoa.kit.telemetry import metrics

log = logging.getLogger(__name__)

IDLE_SECONDS = 20.0
"""How long a relay keeps its connection and its shards after the last event: opening it again costs some 10 ms."""
SETTINGS = {**BY_INDEX, "synchronous_commit": "off"}
"""What the relay writes only forgets what was delivered: if a crash undoes it, that is delivered again."""
NOTIFY_EVERY_SECONDS = 0.001
STATEMENT_SECONDS = 10
"""How long the connection may take to answer before it counts as dead."""
CALL_CHARACTERS = 500_000
"""How much event data goes in one delivery: in the worst of alphabets half of a channel's largest message."""

_SHARD_LOCKS = 0x57_0A_02

ANYTHING_OWED = f"{OWED_RECIPIENTS} SELECT EXISTS (SELECT FROM owed WHERE recipient = ANY ($1))"  # noqa: S608
TAKE_SHARDS = "SELECT shard FROM unnest($2::int[]) AS shard WHERE pg_try_advisory_lock($1, shard)"

OWED = """
    SELECT outbox.id, log.event_id, log.type, log.subject, log.aggregate_version, log.time, log.traceparent,
           log.data::text AS data, CASE WHEN $3 THEN personal.data::text END AS personal,
           EXISTS (SELECT FROM outbox_parked AS parked
                   WHERE parked.recipient = $1 AND parked.subject = log.subject) AS behind_parked
    FROM outbox JOIN event_log AS log USING (id) LEFT JOIN event_personal AS personal USING (id)
    WHERE outbox.recipient = $1 AND outbox.shard = ANY ($2::smallint[])
    ORDER BY outbox.id LIMIT 200
"""

# Who had it last takes with it what is personal. The statements of a relay take turns, so one of two is the last.
DELIVERED = """
    WITH gone AS (DELETE FROM outbox WHERE recipient = $1 AND id = ANY ($2::bigint[]) RETURNING id)
    DELETE FROM event_personal USING gone
    WHERE event_personal.id = gone.id
      AND NOT EXISTS (SELECT FROM outbox WHERE outbox.id = gone.id AND outbox.recipient <> $1)
      AND NOT EXISTS (SELECT FROM outbox_parked AS parked WHERE parked.id = gone.id)
"""

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


class _Session:
    """The one connection of a relay: it has the locks, it listens, and the statements take turns on it.

    `lost` is set when it ends, or a statement fails: then nobody knows what it still holds.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.lost = asyncio.Event()
        self._connection = connection
        self._turn = asyncio.Lock()
        connection.add_termination_listener(lambda _: self.lost.set())

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self._taken() as connection:
            return await connection.fetch(sql, *arguments, timeout=STATEMENT_SECONDS)

    async def execute(self, sql: str, *arguments: Any) -> None:
        async with self._taken() as connection:
            await connection.execute(sql, *arguments, timeout=STATEMENT_SECONDS)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._taken() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _taken(self) -> AsyncIterator[asyncpg.Connection]:
        async with self._turn:
            try:
                yield self._connection
            except Exception:
                self.lost.set()
                raise


class Relay:
    """The relay of one service in one process."""

    def __init__(self, service: Service, db: Database, outbox: Outbox, bus: Bus, pulse: Pulse | None = None) -> None:
        self._service = service.name
        self._db = db
        self._sessions = Database(db.service, db.dsn, 1, SETTINGS)
        self._outbox = outbox
        self._bus = bus
        self._pulse = pulse or Pulse()
        self._held: set[int] = set()
        self._wakes: dict[str, asyncio.Event] = {}
        self._called = asyncio.Event()
        self._elsewhere = asyncio.Event()
        self._busy_at = 0.0
        self._running: asyncio.Task[object] | None = None
        outbox.poke = self._poke

    async def run(self) -> None:
        """Relay until stopped or canceled; what is under way then is delivered again another time."""
        self._running = asyncio.current_task()
        failures = 0
        while True:
            try:
                if self._called.is_set() or await self._db.fetchval(ANYTHING_OWED, list(self._outbox.recipients)):
                    self._called.clear()
                    async with self._sessions.dedicated() as connection:
                        await self._relay(connection)
                await self._pulse.wait(self._called)
                failures = 0
            except Exception as error:
                failures += 1
                log.warning("%s: the relay starts again: %r", self._service, error)
                await asyncio.sleep(back_off(failures, most_seconds=5))

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    def _poke(self, recipients: Collection[str], shards: Collection[int]) -> None:
        self._busy_at = time.monotonic()
        self._pulse.quicken()
        self._called.set()
        for recipient in recipients:
            if wake := self._wakes.get(recipient):
                wake.set()
        if not self._held.issuperset(shards):
            self._elsewhere.set()

    def _wake_all(self, *_: object) -> None:
        self._busy_at = time.monotonic()
        for wake in self._wakes.values():
            wake.set()

    async def _relay(self, connection: asyncpg.Connection) -> None:
        """With a connection, until it is lost or nothing has been owed for a while."""
        session = _Session(connection)
        await connection.add_listener(CHANNEL, self._wake_all)
        self._wakes = {recipient: asyncio.Event() for recipient in self._outbox.recipients}
        create_task = asyncio.get_running_loop().create_task
        tasks = [create_task(self._lane(session, recipient), context=Context()) for recipient in self._wakes]
        tasks.append(create_task(self._tell_others(session), context=Context()))
        try:
            await self._hold_shards(session)
            # Everything called for until now is done; a call from now on begins anew.
            self._called.clear()
        finally:
            self._held.clear()
            self._wakes = {}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hold_shards(self, session: _Session) -> None:
        """Take every shard that nobody holds, now and whenever one comes free, until there is nothing to do."""
        self._busy_at = time.monotonic()
        while not session.lost.is_set() and (left := self._busy_at + IDLE_SECONDS - time.monotonic()) > 0:
            if missing := sorted(set(range(SHARDS)) - self._held):
                taken = await session.fetch(TAKE_SHARDS, _SHARD_LOCKS, missing)
                if taken:
                    self._held.update(row["shard"] for row in taken)
                    self._wake_all()
            await self._pulse.wait(session.lost, left)
        if session.lost.is_set():
            raise ConnectionError("the connection was lost")

    async def _tell_others(self, session: _Session) -> None:
        while True:
            await self._elsewhere.wait()
            self._elsewhere.clear()
            try:
                await session.execute(TELL_OTHERS, CHANNEL)
            except BaseException:
                # The connection is about to be replaced: they are told on the next one.
                self._elsewhere.set()
                raise
            await asyncio.sleep(NOTIFY_EVERY_SECONDS)

    async def _lane(self, session: _Session, recipient: str) -> None:
        wake = self._wakes[recipient]
        failures = 0
        while True:
            wake.clear()
            try:
                moved = await self._pass_on(session, recipient)
            except Exception as error:
                if failures == 0:
                    log.warning("%s: %s does not take events: %r", self._service, recipient, error)
                failures += 1
                self._busy_at = time.monotonic()
                await asyncio.sleep(back_off(failures))
                continue
            if failures:
                log.info("%s: %s takes events again", self._service, recipient)
                failures = 0
            if moved:
                self._busy_at = time.monotonic()
            else:
                await self._pulse.wait(wake)

    async def _pass_on(self, session: _Session, recipient: str) -> bool:
        """Deliver the first of what is owed; whether there was anything."""
        if not self._held:
            return False
        owed = await session.fetch(OWED, recipient, sorted(self._held), recipient in self._outbox.get_personal)
        if behind := [row["id"] for row in owed if row["behind_parked"]]:
            async with session.transaction() as tx:
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
            await session.execute(DELIVERED, recipient, arrived)
            metrics.EVENTS_DELIVERED.labels(self._service, recipient).inc(len(arrived))
            if len(arrived) < len(sending):
                parked = {row["id"]: reasons[row["event_id"]] for row in sending if row["event_id"] in reasons}
                refused.update(row["subject"] for row in sending if row["id"] in parked)
                await self._park(session, recipient, parked)
        return bool(owed)

    async def _park(self, session: _Session, recipient: str, reasons: Mapping[int, str]) -> None:
        for reason in reasons.values():
            log.error("%s: %s refuses an event: %s", self._service, recipient, reason)
        async with session.transaction() as tx:
            await lock_parking(tx)
            await tx.execute(PARK, recipient, list(reasons), list(reasons.values()))

    def _event(self, row: asyncpg.Record) -> Event:
        personal: dict[str, Any] = msgspec.json.decode(row["personal"] or b"{}")
        return Event(
            id=row["event_id"],
            type=row["type"],
            source=self._service,
            subject=row["subject"],
            time=row["time"],
            aggregateversion=row["aggregate_version"],
            traceparent=row["traceparent"],
            data=msgspec.json.decode(row["data"]) | personal,
            personal=tuple(personal),
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
