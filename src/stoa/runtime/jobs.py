"""Runs the jobs of a service: each on its own timer, one round at a time, the round under way always finished."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable

from stoa.kit import context
from stoa.kit.problems import Unavailable
from stoa.kit.service import Job

log = logging.getLogger(__name__)


class JobRunner:
    """The jobs of one service in this process. `start` once, `stop` once."""

    def __init__(self, service: str, jobs: Iterable[Job]) -> None:
        self._service = service
        self._jobs = tuple(jobs)
        self._stopping = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._running = [
            asyncio.create_task(self._repeat(job), name=f"{self._service}.{job.name}") for job in self._jobs
        ]

    async def stop(self, within_seconds: float) -> None:
        """No new rounds; those that run get `within_seconds` to finish, then they are cancelled."""
        self._stopping.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=within_seconds)
            for task in late:
                task.cancel()

    async def _repeat(self, job: Job) -> None:
        while not self._stopping.is_set():
            # Each round is a trace of its own.
            with context.using(context.fresh()):
                await self._round(job)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), job.every_seconds)

    async def _round(self, job: Job) -> None:
        try:
            await job.run()
        except Unavailable as problem:
            # Something that it needs is down: the next round comes anyway.
            log.warning("a job could not run", extra={"job": job.name, "of": self._service, "reason": problem.detail})
        except Exception:
            log.exception("a job failed", extra={"job": job.name, "of": self._service})
