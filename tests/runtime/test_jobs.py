"""A job runs when what it does is due, not again and again to see whether it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from stoa.kit import pulse as pulses
from stoa.kit.pulse import Pulse
from stoa.kit.service import Job
from stoa.runtime import jobs
from stoa.runtime.jobs import JobRunner

Start = Callable[..., None]


@pytest.fixture
async def start(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    monkeypatch.setattr(pulses, "FIRST_SECONDS", 3600)
    monkeypatch.setattr(jobs, "PAUSE_SECONDS", 0.2)
    started: list[JobRunner] = []

    def run(job: Job, pulse: Pulse | None = None) -> None:
        started.append(JobRunner("cart", [job], pulse or Pulse()))
        started[-1].start()

    yield run
    for each in started:
        await each.stop(5)


class Rounds:
    """Answers in turn when the next is due; `nth` waits for a round and says when it was."""

    def __init__(self, *due_seconds: float | None) -> None:
        self._due = iter(due_seconds)
        self._times: asyncio.Queue[float] = asyncio.Queue()

    async def run(self) -> float | None:
        self._times.put_nowait(asyncio.get_running_loop().time())
        return next(self._due, None)

    async def next(self) -> float:
        return await asyncio.wait_for(self._times.get(), 10)

    @property
    def more(self) -> bool:
        return not self._times.empty()


async def test_the_next_round_comes_when_it_is_due_and_none_where_nothing_is(start: Start) -> None:
    rounds = Rounds(0.1, None)
    start(Job("expire", rounds.run))
    first, second = await rounds.next(), await rounds.next()
    assert second - first >= 0.1
    await asyncio.sleep(0.3)
    assert not rounds.more


async def test_what_is_due_and_could_not_be_done_is_not_tried_again_at_once(start: Start) -> None:
    rounds = Rounds(-5.0, 0.0, None)
    start(Job("settle", rounds.run))
    first, second, third = [await rounds.next() for _ in range(3)]
    assert second - first >= 0.2
    assert third - second >= 0.2


async def test_a_job_that_nobody_waits_for_runs_at_a_beat_after_its_time(start: Start, monkeypatch) -> None:
    monkeypatch.setattr(pulses, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(pulses, "SLOWER", 1.0)
    rounds = Rounds()
    start(Job("forget", rounds.run, every_seconds=0.3))
    first, second = await rounds.next(), await rounds.next()
    assert second - first >= 0.3


class Panic(BaseException):
    """No Exception, like those of Rust."""


@pytest.mark.parametrize("kind", [RuntimeError, Panic])
async def test_a_round_that_fails_is_told_of_and_another_comes(start: Start, caplog, kind: type[BaseException]) -> None:
    rounds = Rounds()

    async def fail_once() -> float | None:
        due_seconds = await rounds.run()
        if failed.is_set():
            return due_seconds
        failed.set()
        raise kind("the disk is gone")

    failed = asyncio.Event()
    start(Job("expire", fail_once))
    await rounds.next()
    await rounds.next()
    (record,) = [record for record in caplog.records if record.getMessage() == "a job failed"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], kind)
