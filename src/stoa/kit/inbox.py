"""Hearing: an event is kept once, and its effect happens once, in the transaction that marks it as done.

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
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from datetime import timedelta
from operator import attrgetter

import asyncpg

from stoa.kit import context, problems
from stoa.kit import inbox_repository as repository
from stoa.kit.back_off import back_off
from stoa.kit.crash_points import NOWHERE, Reach
from stoa.kit.db import Database, DatabaseUnavailable, Transaction, after_commit, lock_wait
from stoa.kit.events import Event, Refusal
from stoa.kit.intake import sort_out
from stoa.kit.pulse import Pulse
from stoa.kit.service import BatchHandler, Handler, Service
from stoa.kit.telemetry import metrics

log = logging.getLogger(__name__)

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
HANDLER_SECONDS = 30
"""A handler only uses its own database: what takes longer hangs."""
IN_OTHER_HANDS_SECONDS = 1.0
"""When to look again at what is due and locked by another runner, which may die."""


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
        kept, refusals = sort_out(events, self._why_not)
        left = await self._handle_at_once(kept)
        if left:
            await repository.store(self._db, left)
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
                await repository.claim(tx, batch)
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
            mine, something_waits = await repository.store_done(tx, batch)
            if mine:
                await self._do(tx, mine)
        self._reach(f"{self._service}:handled")
        if something_waits:
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
            due_seconds = await repository.due_seconds(self._db)
            if due_seconds is None or due_seconds > 0:
                self._behind = False
                await self._pulse.wait(self._arrived, due_seconds)
                return
        self._arrived.clear()
        if done := await self._work():
            self._behind = done == repository.BATCH
            self._pulse.quicken()
        elif not await repository.step_back(self._db):
            # Nothing, or nothing that another runner does not have in hand.
            self._behind = False
            await self._pulse.wait(self._arrived, IN_OTHER_HANDS_SECONDS)

    async def _work(self) -> int:
        """Do the next batch, in one transaction or each alone; how many events it was."""
        taken: list[asyncpg.Record] = []
        try:
            async with self._db.transaction() as tx:
                taken = await repository.take_next(tx)
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
                taken = await repository.take_one(tx, event_id)
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
        wait = timedelta(seconds=seconds)
        await repository.failed(self._db, row["event_id"], attempts, wait, what, parked=parked)
        self._count([row["type"]], "parked" if parked else "failed")


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
