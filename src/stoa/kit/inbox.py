"""Hearing: an event is kept once, and its effect happens once, in the transaction that marks it as done.

    IntakeServicer   what the bus calls: the answer is the commit of the insert, a repeat changes nothing
    Inbox.accept     when X is announced, do Y, at once: the insert, as done, and the effect are one transaction
    Inbox.run        takes what could not be done at once, and was kept undone, to the service's handlers

What comes is handled where it is delivered. Where that fails, takes long or meets a lock, it is kept undone, and so
is what stands behind something undone of its subject, or comes while more waits than one batch: a delivery is soon
over in any case.

For one source and subject events run in the order of the aggregate's version, and of arrival within it.
What fails is tried again with back-off; after `MOST_ATTEMPTS` it is parked, in sight, for a person to
redrive. Until it is done it holds up later events of its own subject and nothing else. What cannot run
because something else is down does not count as an attempt.

Several processes of a service may run one inbox. Only the first undone event of a subject is eligible,
and a runner locks the rows that it takes and skips those that are locked. So no two runners ever have the
same subject, and there is nothing to elect or to expire: unlike a lease or an advisory lock, a row's lock
is part of the very transaction that has the effect.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from datetime import timedelta
from operator import attrgetter, itemgetter
from typing import Protocol, TypeVar

import asyncpg
import msgspec

from stoa.contracts.events.v1 import events_pb2
from stoa.contracts.events.v1.events_pb2 import DeliverRequest, DeliverResponse
from stoa.contracts.events.v1.events_pb2_grpc import IntakeServiceServicer
from stoa.kit import context, problems, staff_acts
from stoa.kit.back_off import back_off
from stoa.kit.by_index import PLAN_AS_USUAL, plan_by_index
from stoa.kit.crash_points import NOWHERE, Reach
from stoa.kit.db import Database, DatabaseUnavailable, Transaction, affected, after_commit, later, lock_wait
from stoa.kit.events import Event, Refusal
from stoa.kit.pulse import Pulse
from stoa.kit.rounds import in_rounds
from stoa.kit.service import BatchHandler, Handler, Service
from stoa.kit.staff_acts import DISCARDED, REDRIVEN
from stoa.kit.telemetry import metrics

log = logging.getLogger(__name__)

BATCH = 50
"""How many events share a transaction: one commit for all, and little to do again when one of them fails."""
MOST_ATTEMPTS = 12
"""With back-off that is some five minutes: longer than a restart, shorter than a night."""
LONGEST_BACK_OFF_SECONDS = 120
UNAVAILABLE_SECONDS = 2
"""How long an event waits that could not run because something else is down."""
AT_ONCE = 256
"""How many events of a delivery share a transaction: a wave of orders is one."""
AT_ONCE_SECONDS = 1.0
"""How long a delivery may take that is handled at once: the announcer's others wait for it."""
AT_ONCE_LOCK_SECONDS = 0.1
LOCK_WAIT = "250ms"
LOCK_WAIT_ALONE = "50ms"
"""How long handlers wait for a row that somebody holds, in a batch and each alone. They come again, and a batch may
have fifty that wait for the one row while others wait for them."""
HANDLER_SECONDS = 30
"""A handler only uses its own database: what takes longer hangs."""
IN_OTHER_HANDS_SECONDS = 1.0
"""When to look again at what is due and locked by another runner, which may die."""
KEPT = timedelta(days=30)
"""How long a done event is remembered: a repeat that comes later would have its effect again."""

_CAME = """
    unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::text[], $8::text[],
           $9::text[]) WITH ORDINALITY
    AS event (event_id, type, source, subject, version, time, traceparent, data, personal, position)
"""

STORE = f"""
    INSERT INTO inbox (event_id, type, source, subject, aggregate_version, time, traceparent, data, personal)
    SELECT event_id, type, source, subject, version, time, traceparent, data::jsonb, string_to_array(personal, ',')
    FROM {_CAME}
    ORDER BY position
    ON CONFLICT (event_id) DO NOTHING
"""  # noqa: S608

# As done, and without what is personal: it is so if the transaction commits. What has to wait is kept as it came.
STORE_DONE = f"""
    WITH came AS MATERIALIZED (
        SELECT event.*, EXISTS (
            SELECT FROM inbox
            WHERE done_at IS NULL AND inbox.source = event.source AND inbox.subject = event.subject
              AND inbox.aggregate_version <= event.version) AS waits
        FROM {_CAME}
    )
    INSERT INTO inbox
        (event_id, type, source, subject, aggregate_version, time, traceparent, data, personal, done_at)
    SELECT event_id, type, source, subject, version, time, traceparent,
           CASE WHEN waits OR personal = '' THEN data::jsonb ELSE data::jsonb - string_to_array(personal, ',') END,
           string_to_array(personal, ','), CASE WHEN NOT waits THEN now() END
    FROM came
    ORDER BY position
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id, done_at IS NOT NULL AS done
"""  # noqa: S608

# The same where each is new and may go, which is the rule. Where one is not, it fails: so nobody has to wait for its
# answer to know that the effect may follow.
CLAIM = f"""
    INSERT INTO inbox
        (event_id, type, source, subject, aggregate_version, time, traceparent, data, personal, done_at)
    SELECT event_id,
           CASE WHEN NOT EXISTS (
               SELECT FROM inbox
               WHERE done_at IS NULL AND inbox.source = event.source AND inbox.subject = event.subject
                 AND inbox.aggregate_version <= event.version) THEN type END,
           source, subject, version, time, traceparent,
           CASE WHEN personal = '' THEN data::jsonb ELSE data::jsonb - string_to_array(personal, ',') END,
           string_to_array(personal, ','), now()
    FROM {_CAME}
    ORDER BY position
"""  # noqa: S608

WINDOW = 200
"""How many of what is due are looked at for those that may run: the batches of a few runners."""

# The first undone event of each subject, marked as done and without what is personal: it is so if the transaction
# commits.
_TAKE = """
    WITH due AS MATERIALIZED (
        SELECT event_id, seq, source, subject FROM inbox
        WHERE done_at IS NULL AND parked_at IS NULL AND retry_at <= now() {one}
        ORDER BY retry_at, seq LIMIT {window}
    ), next AS MATERIALIZED (
        SELECT event.event_id, event.data FROM due JOIN inbox AS event USING (event_id)
        WHERE event.done_at IS NULL AND event.parked_at IS NULL AND event.retry_at <= now()
          AND event.seq = (
              SELECT seq FROM inbox AS first
              WHERE first.done_at IS NULL AND first.source = due.source AND first.subject = due.subject
              ORDER BY aggregate_version, seq LIMIT 1)
        LIMIT {limit}
        FOR UPDATE OF event SKIP LOCKED
    )
    UPDATE inbox
    SET done_at = now(), error = NULL,
        data = CASE WHEN personal = '{{}}' THEN inbox.data ELSE inbox.data - personal END
    FROM next WHERE inbox.event_id = next.event_id
    RETURNING inbox.event_id, seq, type, source, subject, aggregate_version, time, traceparent,
              next.data::text AS data, attempts
"""
TAKE_NEXT = _TAKE.format(one="", window=WINDOW, limit=BATCH)
TAKE_ONE = _TAKE.format(one="AND event_id = $1", window=1, limit=1)

DUE = """
    SELECT extract(epoch FROM retry_at - now())::float8 FROM inbox
    WHERE done_at IS NULL AND parked_at IS NULL ORDER BY retry_at, seq LIMIT 1
"""

# What is due behind an event of its subject that waits or is parked: it waits, or is parked, with that.
STEP_BACK = """
    WITH due AS MATERIALIZED (
        SELECT event_id, seq, source, subject FROM inbox
        WHERE done_at IS NULL AND parked_at IS NULL AND retry_at <= now() ORDER BY retry_at, seq LIMIT 1000
    ), behind AS MATERIALIZED (
        SELECT due.event_id, first.retry_at, first.parked_at
        FROM due CROSS JOIN LATERAL (
            SELECT seq, retry_at, parked_at FROM inbox AS first
            WHERE first.done_at IS NULL AND first.source = due.source AND first.subject = due.subject
            ORDER BY aggregate_version, seq LIMIT 1) AS first
        WHERE first.seq <> due.seq AND (first.parked_at IS NOT NULL OR first.retry_at > now())
    )
    UPDATE inbox SET retry_at = behind.retry_at, parked_at = behind.parked_at,
                     error = CASE WHEN behind.parked_at IS NOT NULL THEN 'behind an event that is parked' END
    FROM behind WHERE inbox.event_id = behind.event_id AND inbox.done_at IS NULL
"""

PARKING = 0x57_0A_04
"""The advisory lock under which events are parked behind others and put back, so that none is parked behind nothing."""
LOCK_PARKING = "SELECT pg_advisory_xact_lock($1)"

FAILED = """
    UPDATE inbox
    SET attempts = $2, retry_at = now() + $3::interval, error = $4, parked_at = CASE WHEN $5 THEN now() END
    WHERE event_id = $1 AND done_at IS NULL
"""

REDRIVE = """
    UPDATE inbox SET parked_at = NULL, attempts = 0, retry_at = now()
    WHERE parked_at IS NOT NULL AND done_at IS NULL
      AND ($1::uuid IS NULL OR (source, subject) = (SELECT source, subject FROM inbox WHERE event_id = $1))
"""

DISCARD = """
    UPDATE inbox SET done_at = now(), parked_at = NULL, data = data - personal
    WHERE event_id = $1 AND parked_at IS NOT NULL AND done_at IS NULL
    RETURNING type, subject
"""

PRUNE = """
    DELETE FROM inbox WHERE event_id IN (
        SELECT event_id FROM inbox
        WHERE done_at < now() - $1::interval ORDER BY done_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


class Acceptor(Protocol):
    """Whoever events are delivered to: a service's inbox, or the gateway, which keeps nothing."""

    async def accept(self, events: Sequence[Event]) -> Sequence[Refusal]:
        """Keep the events. Those refused come back, and with each what follows it of its subject."""


class Inbox:
    """The inbox of one service in one process."""

    def __init__(
        self,
        service: Service,
        db: Database,
        handlers: Mapping[str, Handler],
        batch_handler: BatchHandler | None = None,
        *,
        pulse: Pulse | None = None,
        reach: Reach = NOWHERE,
    ) -> None:
        self._service = service.name
        self._db = db
        self._handlers = handlers
        self._batch_handler = batch_handler
        self._pulse = pulse or Pulse()
        self._reach = reach
        self._arrived = asyncio.Event()
        self._behind = True
        """Whether more may wait here than a batch, or something is about to be tried again: then what comes is only
        kept. It only spares work, so who clears it may overtake who sets it: what has to wait, the rows say."""
        self._running: asyncio.Task[None] | None = None

    async def accept(self, events: Sequence[Event]) -> Sequence[Refusal]:
        """Handle those that the service hears of, or keep them for `run`; a repeat changes nothing."""
        kept, refusals = _sort_out(events, self._why_not)
        left = await self._handle_at_once(kept)
        if left:
            await self._db.execute(STORE, *_columns(left))
            self._reach(f"{self._service}:kept")
            self._arrived.set()
        if kept:
            self._pulse.quicken()
        return refusals

    async def _handle_at_once(self, events: Sequence[Event]) -> Sequence[Event]:
        """Handle what can be: of each subject the first, then the next of each, in one transaction after the other.

        What is left is to be kept. So is everything from where something failed, so that each subject stays in order:
        whoever runs it later finds out which event it was.
        """
        give_up = time.monotonic() + AT_ONCE_SECONDS
        while events and self._is_up_to_date and time.monotonic() < give_up:
            batch, rest = _first_of_each_subject(events)
            try:
                if not await self._handle(batch):
                    await self._handle_what_is_new(batch)
            except DatabaseUnavailable:
                raise
            except Exception as error:
                log.info("%s: %s events are tried later: %s", self._service, len(events), problems.with_type(error))
                self._behind = True
                return events
            events = rest
        return events

    @property
    def _is_up_to_date(self) -> bool:
        """Whether what comes may go at once: somebody runs what would be left, and has little to do."""
        return self._running is not None and not self._running.done() and not self._behind

    async def _handle(self, batch: Sequence[Event]) -> bool:
        """Keep the events as done and have their effect, in one transaction; whether all were new and could go.

        What keeps them is asked together with the first statement of the effect.
        """
        try:
            async with self._transaction() as tx:
                await later(tx, CLAIM, *_columns(batch))
                await self._do(tx, batch)
        except asyncpg.IntegrityConstraintViolationError as error:
            if error.table_name != "inbox":
                raise
            return False
        self._reach(f"{self._service}:handled")
        return True

    async def _handle_what_is_new(self, batch: Sequence[Event]) -> None:
        """The same where some have been here before, or have to wait: those are only kept."""
        async with self._transaction() as tx:
            new = await tx.fetch(STORE_DONE, *_columns(batch))
            came = {event.id: event for event in batch}
            mine = [came[row["event_id"]] for row in new if row["done"]]
            if mine:
                await self._do(tx, mine)
        self._reach(f"{self._service}:handled")
        if len(mine) < len(new):
            self._arrived.set()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        """It is soon over, its commit included: some of the effect may be asked together with that."""
        with lock_wait(AT_ONCE_LOCK_SECONDS):
            async with asyncio.timeout(None) as limit, self._db.transaction() as tx:
                limit.reschedule(asyncio.get_running_loop().time() + AT_ONCE_SECONDS)
                yield tx

    def _why_not(self, event: Event) -> str | None:
        return None if event.type in self._handlers else f"{self._service} does not hear of {event.type}"

    async def run(self) -> None:
        """Run handlers until stopped or canceled; what is under way then is rolled back, and done another time."""
        # In a context of its own: a handler has the trace of its event and nothing of whoever started the process.
        self._running = asyncio.get_running_loop().create_task(self._run(), context=Context())
        await self._running

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._round()
            except Exception as error:
                failures += 1
                log.warning("%s: the inbox waits: %r", self._service, error)
                await asyncio.sleep(back_off(failures, most_seconds=5))
            else:
                failures = 0

    async def _round(self) -> None:
        """Work if something has arrived or is due, else wait for it: exactly as long as is known here."""
        if not self._arrived.is_set():
            due_seconds = await self._db.fetchval(DUE)
            if due_seconds is None or due_seconds > 0:
                self._behind = False
                await self._pulse.wait(self._arrived, due_seconds)
                return
        self._arrived.clear()
        if done := await self._work():
            self._behind = done == BATCH
            self._pulse.quicken()
        elif not await self._step_back():
            # Nothing, or nothing that another runner does not have in hand.
            self._behind = False
            await self._pulse.wait(self._arrived, IN_OTHER_HANDS_SECONDS)

    async def _step_back(self) -> bool:
        """Have what cannot run yet wait where it is not looked at again and again; whether there was any."""
        async with self._db.transaction() as tx:
            await tx.execute(LOCK_PARKING, PARKING)
            await plan_by_index(tx)
            return affected(await tx.execute(STEP_BACK)) > 0

    async def _work(self) -> int:
        """Do the next batch, in one transaction or each alone; how many events it was."""
        taken: list[asyncpg.Record] = []
        try:
            async with self._db.transaction() as tx:
                taken = await _take(tx, TAKE_NEXT, LOCK_WAIT)
                await self._do(tx, [_event(row) for row in taken])
        except DatabaseUnavailable:
            raise
        except Exception as error:
            if not taken:
                raise
            if len(taken) == 1:
                await self._failed(taken[0], error)
            else:
                for event in taken:
                    await self._do_alone(event["event_id"])
        return len(taken)

    async def _do_alone(self, event_id: str) -> None:
        taken: list[asyncpg.Record] = []
        try:
            async with self._db.transaction() as tx:
                taken = await _take(tx, TAKE_ONE, LOCK_WAIT_ALONE, event_id)
                await self._do(tx, [_event(row) for row in taken])
        except DatabaseUnavailable:
            raise
        except Exception as error:
            if not taken:
                raise
            await self._failed(taken[0], error)

    async def _do(self, tx: Transaction, taken: Sequence[Event]) -> None:
        events = taken
        if self._batch_handler is not None and events:
            # The trace of one event, or one of the batch's own: what it says of each it says in the trace of that.
            trace = events[0].traceparent if len(events) == 1 else None
            with context.using(context.fresh(traceparent=trace)):
                async with asyncio.timeout(HANDLER_SECONDS):
                    events = await self._batch_handler(tx, events)
        for event in events:
            handler = self._handlers.get(event.type)
            if handler is None:
                raise LookupError(f"{self._service} has no handler for {event.type}")
            with context.using(context.fresh(traceparent=event.traceparent)):
                async with asyncio.timeout(HANDLER_SECONDS):
                    await handler(tx, event)
        after_commit(lambda: self._count([event.type for event in taken], "done"))

    def _count(self, types: Iterable[str], outcome: str) -> None:
        for event_type in types:
            metrics.EVENTS_HANDLED.labels(self._service, event_type, outcome).inc()

    async def _failed(self, row: asyncpg.Record, error: Exception) -> None:
        what = problems.with_type(error)[:2000]
        if isinstance(error, problems.Unavailable):
            attempts, seconds = row["attempts"], float(UNAVAILABLE_SECONDS)
        else:
            attempts = row["attempts"] + 1
            seconds = back_off(attempts, LONGEST_BACK_OFF_SECONDS)
        parked = attempts >= MOST_ATTEMPTS
        with context.using(context.fresh(traceparent=row["traceparent"])):
            event = f"{self._service}: {row['type']} {row['event_id']}"
            if attempts == row["attempts"]:
                log.warning("%s waits: %s", event, what)
            elif parked:
                log.error("%s failed %s times and is parked", event, attempts, exc_info=error)
            else:
                log.warning("%s failed %s times", event, attempts, exc_info=error)
        await self._db.execute(FAILED, row["event_id"], attempts, timedelta(seconds=seconds), what, parked)
        self._count([row["type"]], "parked" if parked else "failed")


class IntakeServicer(IntakeServiceServicer):
    """Where the direct bus delivers: the acceptors of this process, by the name of the service."""

    def __init__(self, acceptors: Mapping[str, Acceptor]) -> None:
        self._acceptors = acceptors

    async def Deliver(self, request: DeliverRequest, context: object) -> DeliverResponse:  # noqa: ARG002, N802
        acceptor = self._acceptors.get(request.subscriber)
        if acceptor is None:
            raise problems.NotFound(f"{request.subscriber} does not run here.")
        readable, refusals = _sort_out([_read(document) for document in request.events], _unreadable)
        events = [event for event in readable if isinstance(event, Event)]
        if events:
            refusals += await acceptor.accept(events)
        return DeliverResponse(
            refusals=[events_pb2.Refusal(event_id=refusal.event_id, reason=refusal.reason) for refusal in refusals]
        )


class _Unreadable(msgspec.Struct):
    """What can still be read of an event that is malformed: enough to refuse it."""

    id: str
    subject: str = ""
    why: str = ""


_Delivered = TypeVar("_Delivered", Event, Event | _Unreadable)

_read_id = msgspec.json.Decoder(_Unreadable).decode


def _read(document: bytes) -> Event | _Unreadable:
    try:
        event = Event.decode(document)
    except ValueError as error:  # as msgspec's errors are, and UUID's
        try:
            unreadable = _read_id(document)
        except ValueError:
            raise problems.BadRequest("An event without an id cannot even be refused.") from error
        unreadable.why = f"it cannot be read: {error}"
        return unreadable
    return event


def _columns(events: Sequence[Event]) -> Sequence[Sequence[object]]:
    """What is kept of them, as `_CAME` names it."""
    return (
        [event.id for event in events],
        [event.type for event in events],
        [event.source for event in events],
        [event.subject for event in events],
        [event.aggregateversion for event in events],
        [event.time for event in events],
        [event.traceparent for event in events],
        [event.json for event in events],
        [",".join(event.personal) for event in events],
    )


def _first_of_each_subject(events: Sequence[Event]) -> tuple[Sequence[Event], Sequence[Event]]:
    """Of each subject the oldest event, `AT_ONCE` at most, in the order of arrival; and the rest."""
    first: dict[tuple[str, str], Event] = {}
    for event in events:
        of = event.source, event.subject
        if of in first:
            first[of] = min(first[of], event, key=attrgetter("aggregateversion"))
        elif len(first) < AT_ONCE:
            first[of] = event
    chosen = set(map(id, first.values()))
    return [each for each in events if id(each) in chosen], [each for each in events if id(each) not in chosen]


def _unreadable(delivered: Event | _Unreadable) -> str | None:
    return delivered.why if isinstance(delivered, _Unreadable) else None


def _sort_out(
    delivered: Sequence[_Delivered], why_not: Callable[[_Delivered], str | None]
) -> tuple[list[_Delivered], list[Refusal]]:
    """What to keep and what to refuse: with a refused event everything that follows it of its subject."""
    kept: list[_Delivered] = []
    refusals: list[Refusal] = []
    refused_subjects: set[str] = set()
    for each in delivered:
        reason = why_not(each)
        if reason is None and each.subject in refused_subjects:
            reason = "behind an event that was refused"
        if reason is None:
            kept.append(each)
        else:
            refusals.append(Refusal(each.id, reason))
            refused_subjects.add(each.subject)
    return kept, refusals


async def _take(tx: Transaction, sql: str, lock_wait: str, *arguments: str) -> list[asyncpg.Record]:
    """The events in the order of their arrival. Handlers get the planner as it usually is, and little patience."""
    await plan_by_index(tx)
    taken = await tx.fetch(sql, *arguments)
    await tx.execute(f"{PLAN_AS_USUAL}; SET LOCAL lock_timeout = '{lock_wait}'")
    return sorted(taken, key=itemgetter("seq"))


def _event(row: asyncpg.Record) -> Event:
    return Event(
        id=row["event_id"],
        type=row["type"],
        source=row["source"],
        subject=row["subject"],
        time=row["time"],
        aggregateversion=row["aggregate_version"],
        traceparent=row["traceparent"],
        data=row["data"],
    )


async def redrive(db: Database, event_id: str | None = None) -> int:
    """Have a parked event tried again with what is parked behind it, or all of them; how many. An operator's act."""
    async with db.transaction() as tx:
        await tx.execute(LOCK_PARKING, PARKING)
        back = affected(await tx.execute(REDRIVE, event_id))
        if back:
            await staff_acts.record_operator(
                tx, act=REDRIVEN, subject=event_id or db.service, before={"recipient": db.service, "parked": back}
            )
        return back


async def discard(db: Database, event_id: str, reason: str) -> bool:
    """Give up what a parked event should have done here, for good; whether it was parked.

    An operator's act, kept with its `reason`: the audit no longer asks for the effect. What was parked behind it is
    tried again.
    """
    async with db.transaction() as tx:
        await tx.execute(LOCK_PARKING, PARKING)
        event = await tx.fetchrow(DISCARD, event_id)
        if event is None:
            return False
        await staff_acts.record_operator(
            tx,
            act=DISCARDED,
            subject=event_id,
            before={"type": event["type"], "of": event["subject"], "recipient": db.service},
            reason=reason,
        )
        await tx.execute(REDRIVE, event_id)
    return True


async def prune(db: Database, older_than: timedelta = KEPT) -> int:
    """Forget what was done longer ago; how many events."""

    async def forget(most: int) -> int:
        async with db.transaction() as tx:
            await plan_by_index(tx)
            return affected(await tx.execute(PRUNE, older_than, most))

    return await in_rounds(forget)
