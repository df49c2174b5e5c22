"""Who runs which checkout: tasks of our own, leases, and the work of processes that died.

A saga runs in its own task, not the request's: a shopper who goes away does not stop it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context as Variables

from stoa.kit import context
from stoa.kit.db import Database
from stoa.kit.problems import Unavailable
from stoa.kit.telemetry.metrics import SAGAS_OPEN
from stoa.services.checkout import repository
from stoa.services.checkout.errors import LeaseLost, Overloaded
from stoa.services.checkout.repository import Checkout
from stoa.services.checkout.saga import Run, Saga
from stoa.services.checkout.states import State
from stoa.services.checkout.waves import CohortPlace, Waves

log = logging.getLogger(__name__)

STOP_SECONDS = 2.0
"""How long a stopping process lets its checkouts finish, while it still renews their leases. Those that somebody waits
for have had the time of the requests."""


class Runner:
    """The checkouts of this process. `db.session` is what it signs its leases with."""

    def __init__(self, db: Database, saga: Saga, waves: Waves) -> None:
        self._db = db
        self._saga = saga
        self._waves = waves
        self._entering = 0
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    @contextmanager
    def entering(self) -> Iterator[None]:
        """For the block there is room for one more, until it is started.

        Raises `Overloaded` where it would be one too many.
        """
        if self._stopping or len(self._runs) + self._entering >= self._saga.settings.most_at_once:
            raise Overloaded
        self._entering += 1
        try:
            yield
        finally:
            self._entering -= 1

    def start(self, row: Checkout, place: CohortPlace | None = None) -> Run:
        """Run it from where it stands, in its place of a cohort if it has one; its lease is ours."""
        run = self._runs[row.id] = Run(self._saga, row, place)
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._run(run), name=f"checkout {row.id}", context=Variables())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def find(self, checkout_id: str) -> Run | None:
        return self._runs.get(checkout_id)

    async def tend(self) -> float | None:
        """One round: renew our leases, then take over what nobody works on any more; when to look again."""
        settings = self._saga.settings
        if self._runs:
            await repository.renew(self._db, self._runs, self._db.session, settings.lease_seconds)
        room = settings.most_at_once - len(self._runs)
        if room > 0 and not self._stopping:
            adopted = await repository.adopt(self._db, self._db.session, settings.lease_seconds, self._runs, room)
            for row in adopted:
                log.warning("checkout %s is taken over, %s at %s", row.id, row.state, row.step)
                self.start(row)
        return settings.tend_every_seconds if self._runs else await repository.next_lapse(self._db)

    async def measure(self) -> None:
        """Set the gauges of what is under way."""
        counts = await repository.count_open(self._db)
        for state in (State.RUNNING, State.COMPENSATING, State.NEEDS_ATTENTION):
            SAGAS_OPEN.labels(state).set(counts.get(state, 0))

    def turn_away(self) -> None:
        """Have nobody enter any more, nor wait for it."""
        self._stopping = True
        self._waves.gate.close()

    async def stop(self) -> None:
        """Let what is under way finish; what takes too long is left to others, at once. Nobody enters any more."""
        give_up = time.monotonic() + STOP_SECONDS
        while self._tasks and time.monotonic() < give_up:
            await asyncio.wait(self._tasks, timeout=self._saga.settings.tend_every_seconds)
            if self._runs:
                await repository.renew(self._db, self._runs, self._db.session, self._saga.settings.lease_seconds)
        left = list(self._runs)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        # A save that is on its way would renew the lease that we let go of.
        await self._saga.saves.close()
        await self._waves.close()
        if left:
            await repository.let_go(self._db, left, self._db.session)

    async def _run(self, run: Run) -> None:
        try:
            purchase = run.row.purchase
            with context.using(context.fresh(traceparent=purchase.traceparent, request_id=purchase.request_id)):
                await run.go()
        except LeaseLost:
            log.warning("checkout %s has another runner now", run.row.id)
        except Unavailable as problem:
            # Our own database: a run that cannot record is as good as dead. It is taken over from its row.
            log.warning("checkout %s stops where it is recorded: %s", run.row.id, problem.detail)
        except Exception:
            log.exception("checkout %s stops where it is recorded", run.row.id)
        finally:
            # A parked checkout may have been redriven before this task has ended.
            if self._runs.get(run.row.id) is run:
                del self._runs[run.row.id]
            run.leave_cohort()
            if not run.answered.done():
                run.answered.set_result(None)
