"""Runs the jobs of a service: each when it is due, one round at a time, the round under way always finished."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from stoa.kit import context
from stoa.kit.back_off import back_off
from stoa.kit.panics import ENDS
from stoa.kit.problems import Unavailable
from stoa.kit.pulse import Pulse
from stoa.kit.service import Job

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""After a round that left something due: what it waits for (a bank, another process) is not back at once."""
LONGEST_PAUSE_SECONDS = 60.0
"""Between rounds that fail."""


class JobRunner:
    """The jobs of one service in this process. `start` once, `stop` once."""

    def __init__(self, service: str, jobs: Iterable[Job], pulse: Pulse) -> None:
        self._service = service
        self._pulse = pulse
        self._jobs = tuple(jobs)
        self._stopping = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._running = [
            asyncio.create_task(self._repeat(job), name=f"{self._service}.{job.name}") for job in self._jobs
        ]

    async def stop(self, within_seconds: float) -> None:
        """No new rounds; those that run get `within_seconds` to finish, then they are canceled."""
        self._stopping.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=within_seconds)
            for task in late:
                task.cancel()

    async def _repeat(self, job: Job) -> None:
        failures = 0
        while not self._stopping.is_set():
            not_before = time.monotonic() + job.every_seconds
            try:
                # Each round is a trace of its own.
                with context.using(context.fresh()):
                    due_seconds = await job.run()
                failures = 0
            except ENDS:
                raise
            except BaseException as error:
                self._tell(job, error)
                failures += 1
                due_seconds, not_before = back_off(failures, LONGEST_PAUSE_SECONDS), 0.0
            if due_seconds is not None and due_seconds <= 0:
                due_seconds = PAUSE_SECONDS
            await self._pulse.wait(self._stopping, due_seconds)
            while not self._stopping.is_set() and time.monotonic() < not_before:
                await self._pulse.wait(self._stopping)

    def _tell(self, job: Job, error: BaseException) -> None:
        of = {"job": job.name, "of": self._service}
        if isinstance(error, Unavailable):
            # Something that it needs is down: the next round comes anyway.
            log.warning("a job could not run", extra={**of, "reason": error.detail})
        else:
            log.error("a job failed", extra=of, exc_info=error)
