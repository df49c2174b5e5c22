"""Takes what a service announced to those who hear of it: at least once, in order for each subject and recipient.

There is no cursor: ids are given before commits, so a cursor runs past rows that commit late (tried: it
lost one event in six). What is in the outbox is owed, and goes when its recipient has committed it. What was just
committed in this process is at hand and goes at once, from memory (`stoa.kit.lane`); whatever else there is, the
relay looks for: at its start, when another process has called, when something failed, and at each beat.

- Each recipient has a lane of its own. One that does not answer is tried again for ever, with back-off,
  and holds up nobody else. Who is not among those who hear has none: what is owed to one who is gone, or whom only
  another process knows of yet, is left where it is.
- A refused event is parked with what comes later about its subject for that recipient, and nothing else
  waits for it. `outbox.redrive` puts them back in their old places.
- Several processes of a service share the subjects by shard: one relay for each, by advisory locks on a
  connection of its own. When that connection dies everything starts again. Should two relays hold one
  shard for a moment then, both send every event from the first that is owed, in order, and an inbox keeps
  what it has not seen: whoever comes first, the order stands.
- A commit in this process goes to its lanes; if another process holds the shard, one NOTIFY does for all
  commits of a millisecond (in the transaction it would lock the whole cluster's commits, and cut them to
  a third).
- From memory goes only what nothing older of its subject is owed before. Whatever else goes was looked for together
  with all that is older of its subject: so what is still under way when a shard is lost cannot turn two events around.
- What was acknowledged is deleted together, a moment later. Who dies before that has it delivered again.
- Where nothing is owed for a while, a relay lets go of its shards and its connection, and looks at the beats
  of its process's pulse whether another process has left something: one that died is relayed for within that time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

import asyncpg
import msgspec

from stoa.kit import parking
from stoa.kit.back_off import back_off
from stoa.kit.bus import Bus
from stoa.kit.crash_points import NOWHERE, Reach
from stoa.kit.db import BY_INDEX, Database, Transaction
from stoa.kit.events import Event, Owed, Said
from stoa.kit.lane import Lane
from stoa.kit.outbox import CHANNEL, OWED_RECIPIENTS, PARKING, SHARDS, TELL_OTHERS, News, Outbox, shard_of
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
CALL_BYTES = 1_000_000
"""How much goes in one delivery: a quarter of a channel's largest message."""
CALL_EVENTS = 256
"""How many go in one delivery, which the recipient handles in one transaction: a wave of orders is one."""
TOGETHER_SECONDS = 0.1
"""How long what was acknowledged waits for more, so that one statement deletes it all."""
MOST_TOGETHER = 1_000
"""With so many it goes at once."""

_SHARD_LOCKS = 0x57_0A_02

ANYTHING_OWED = f"{OWED_RECIPIENTS} SELECT EXISTS (SELECT FROM owed WHERE recipient = ANY ($1))"  # noqa: S608
TAKE_SHARDS = "SELECT shard FROM unnest($2::int[]) AS shard WHERE pg_try_advisory_lock($1, shard)"

OWED = f"""
    SELECT outbox.id, log.event_id, log.type, log.subject, log.aggregate_version, log.time, log.traceparent,
           log.data::text AS data, CASE WHEN $3 THEN personal.data::text END AS personal,
           EXISTS (SELECT FROM outbox_parked AS parked
                   WHERE parked.recipient = $1 AND parked.subject = log.subject) AS behind_parked
    FROM outbox JOIN event_log AS log USING (id) LEFT JOIN event_personal AS personal USING (id)
    WHERE outbox.recipient = $1 AND outbox.shard = ANY ($2::smallint[])
    ORDER BY outbox.id LIMIT {CALL_EVENTS}
"""  # noqa: S608

# Who had it last takes with it what is personal. The statements of a relay take turns, so one of two is the last.
DELIVERED = """
    WITH gone AS (
        DELETE FROM outbox USING unnest($1::text[], $2::bigint[]) AS had (recipient, id)
        WHERE outbox.recipient = had.recipient AND outbox.id = had.id
        RETURNING outbox.id
    ), last AS (
        SELECT id FROM gone GROUP BY id
        HAVING count(*) = (SELECT count(*) FROM outbox WHERE outbox.id = gone.id)
    )
    DELETE FROM event_personal USING last
    WHERE event_personal.id = last.id
      AND NOT EXISTS (SELECT FROM outbox_parked AS parked WHERE parked.id = last.id)
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

    def __init__(
        self,
        service: Service,
        db: Database,
        outbox: Outbox,
        bus: Bus,
        *,
        pulse: Pulse | None = None,
        reach: Reach = NOWHERE,
    ) -> None:
        self._service = service.name
        self._db = db
        self._sessions = Database(db.service, db.dsn, 1, SETTINGS)
        self._outbox = outbox
        self._bus = bus
        self._pulse = pulse or Pulse()
        self._reach = reach
        self._held: set[int] = set()
        self._lanes = {recipient: Lane() for recipient in outbox.recipients}
        self._delivered: list[tuple[str, int]] = []
        """To whom what has been delivered that nobody has begun to delete."""
        self._some_delivered = asyncio.Event()
        self._many_delivered = asyncio.Event()
        self._called = asyncio.Event()
        self._elsewhere = asyncio.Event()
        self._busy_at = 0.0
        self._running: asyncio.Task[object] | None = None
        outbox.hand_over = self._take

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

    def _take(self, news: News) -> None:
        """What was just committed in this process."""
        self._busy_at = time.monotonic()
        self._pulse.quicken()
        self._called.set()
        for recipient, owed in news.items():
            mine = [each for each in owed if shard_of(each.subject) in self._held]
            if mine:
                self._lanes[recipient].add(mine)
            if len(mine) < len(owed):
                self._elsewhere.set()

    def _look(self, *_: object) -> None:
        """There may be something that is not at hand."""
        self._busy_at = time.monotonic()
        self._all_look()

    def _all_look(self) -> None:
        for lane in self._lanes.values():
            lane.look()

    async def _relay(self, connection: asyncpg.Connection) -> None:
        """With a connection, until it is lost or nothing has been owed for a while."""
        session = _Session(connection)
        await connection.add_listener(CHANNEL, self._look)
        create_task = asyncio.get_running_loop().create_task
        tasks = [create_task(self._serve(session, recipient), context=Context()) for recipient in self._lanes]
        tasks.append(create_task(self._tell_others(session), context=Context()))
        tasks.append(create_task(self._forget(session), context=Context()))
        try:
            await self._hold_shards(session)
            # Everything called for until now is done; a call from now on begins anew.
            self._called.clear()
        finally:
            self._held.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._all_look()
            if not session.lost.is_set():
                with contextlib.suppress(Exception):  # then it is delivered again
                    await self._forget_delivered(session)

    async def _hold_shards(self, session: _Session) -> None:
        """Take every shard that nobody holds, now and whenever one comes free, until there is nothing to do."""
        self._busy_at = time.monotonic()
        while not session.lost.is_set() and (left := self._busy_at + IDLE_SECONDS - time.monotonic()) > 0:
            if missing := sorted(set(range(SHARDS)) - self._held):
                taken = await session.fetch(TAKE_SHARDS, _SHARD_LOCKS, missing)
                if taken:
                    self._held.update(row["shard"] for row in taken)
                    self._busy_at = time.monotonic()
            # Whatever it was that ended the wait: what others left is looked for now.
            self._all_look()
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

    async def _serve(self, session: _Session, recipient: str) -> None:
        lane = self._lanes[recipient]
        failures = 0
        while True:
            lane.wake.clear()
            try:
                moved = await self._pass_on(session, recipient, lane)
            except Exception as error:
                if failures == 0:
                    log.warning("%s: %s does not take events: %r", self._service, recipient, error)
                failures += 1
                self._busy_at = time.monotonic()
                lane.look()
                await asyncio.sleep(back_off(failures))
                continue
            if failures:
                log.info("%s: %s takes events again", self._service, recipient)
                failures = 0
            if moved:
                self._busy_at = time.monotonic()
            else:
                await lane.wake.wait()

    async def _pass_on(self, session: _Session, recipient: str, lane: Lane) -> bool:
        """Deliver what is at hand, or the first of what is owed; whether there was anything."""
        if not self._held:
            return False
        if not lane.must_look:
            news = lane.take()
            await self._deliver_all(session, recipient, news)
            return bool(news)
        # What has arrived goes before it looks; what is committed after it has begun to look is at hand.
        await self._forget_delivered(session)
        lane.looking()
        rows = await session.fetch(OWED, recipient, sorted(self._held), recipient in self._outbox.get_personal)
        if behind := [row["id"] for row in rows if row["behind_parked"]]:
            async with session.transaction() as tx:
                await parking.lock(tx, PARKING)
                await tx.execute(PARK_BEHIND, recipient, behind)
        owed = [self._owed(row) for row in rows if not row["behind_parked"]]
        lane.found(owed)
        if behind or len(rows) == CALL_EVENTS:
            lane.look()
        await self._deliver_all(session, recipient, owed)
        return bool(rows)

    async def _deliver_all(self, session: _Session, recipient: str, owed: Sequence[Owed]) -> None:
        """In as many calls as it takes. What does not arrive is in the outbox, and looked for."""
        refused: set[str] = set()
        for call in _calls(owed):
            sending = [each for each in call if each.subject not in refused]
            if not sending:
                continue
            refusals = await self._bus.deliver(recipient, sending)
            self._reach(f"{self._service}:delivered")
            reasons = {refusal.event_id: refusal.reason for refusal in refusals}
            self._has(recipient, [each.number for each in sending if each.event_id not in reasons])
            if reasons:
                parked = {each.number: reasons[each.event_id] for each in sending if each.event_id in reasons}
                refused.update(each.subject for each in sending if each.number in parked)
                await self._park(session, recipient, parked)
        if refused:
            self._lanes[recipient].look()

    def _has(self, recipient: str, numbers: Sequence[int]) -> None:
        """The recipient has committed them."""
        metrics.EVENTS_DELIVERED.labels(self._service, recipient).inc(len(numbers))
        arrived = [(recipient, number) for number in numbers]
        self._delivered += arrived
        self._outbox.arrived.update(arrived)
        self._some_delivered.set()
        if len(self._delivered) >= MOST_TOGETHER:
            self._many_delivered.set()

    async def _forget(self, session: _Session) -> None:
        """Delete what was delivered, a while after the first of it."""
        while True:
            await self._some_delivered.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._many_delivered.wait(), TOGETHER_SECONDS)
            await self._forget_delivered(session)

    async def _forget_delivered(self, session: _Session) -> None:
        self._some_delivered.clear()
        self._many_delivered.clear()
        delivered, self._delivered = self._delivered, []
        if not delivered:
            return
        try:
            await session.execute(DELIVERED, [recipient for recipient, _ in delivered], [id_ for _, id_ in delivered])
        except BaseException:
            self._delivered += delivered
            self._some_delivered.set()
            raise
        self._outbox.arrived.difference_update(delivered)

    async def _park(self, session: _Session, recipient: str, reasons: Mapping[int, str]) -> None:
        for reason in reasons.values():
            log.error("%s: %s refuses an event: %s", self._service, recipient, reason)
        async with session.transaction() as tx:
            await parking.lock(tx, PARKING)
            await tx.execute(PARK, recipient, list(reasons), list(reasons.values()))

    def _owed(self, row: asyncpg.Record) -> Owed:
        names = tuple(msgspec.json.decode(row["personal"])) if row["personal"] else ()
        event = Event(
            id=row["event_id"],
            type=row["type"],
            source=self._service,
            subject=row["subject"],
            time=row["time"],
            aggregateversion=row["aggregate_version"],
            traceparent=row["traceparent"],
            data=Said(row["data"], row["personal"], names).all,
            personal=names,
        )
        return Owed(row["id"], event.id, event.subject, event.encode())


def _calls(owed: Sequence[Owed]) -> Iterator[list[Owed]]:
    """The events in order, cut so that no call carries too much."""
    call: list[Owed] = []
    size = 0
    for each in owed:
        if call and (len(call) == CALL_EVENTS or size + len(each.document) > CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(each)
        size += len(each.document)
    if call:
        yield call
