"""Looks come often while something happens, ever more rarely while nothing does, and never all at the same instant."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit import pulse as pulses
from stoa.kit.pulse import Pulse


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the real thing: 0.1 s, 0.4 s, 1.6 s."""
    monkeypatch.setattr(pulses, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr(pulses, "LONGEST_SECONDS", 1.6)


async def slept(pulse: Pulse, woken: asyncio.Event | None = None, due_seconds: float | None = None) -> float:
    loop = asyncio.get_running_loop()
    before = loop.time()
    await asyncio.wait_for(pulse.wait(woken or asyncio.Event(), due_seconds), 20)
    return loop.time() - before


async def test_each_beat_is_later_than_the_one_before_up_to_a_limit() -> None:
    pulse = Pulse()
    first, second, third, fourth = [await slept(pulse) for _ in range(4)]
    assert 0.05 < first < second < third
    assert second > 0.3
    assert third > 1.5
    assert fourth > 1.5
    assert pulse._seconds == 1.6


async def test_when_something_happens_the_next_beat_is_near_again() -> None:
    pulse = Pulse()
    for _ in range(2):
        await slept(pulse)
    waiting = asyncio.create_task(slept(pulse))
    await asyncio.sleep(0)
    pulse.quicken()
    assert await waiting < 1.0  # it would have been 1.6
    assert 0.3 < await slept(pulse) < 1.2


async def test_what_is_due_and_who_is_woken_wait_for_no_beat(monkeypatch) -> None:
    monkeypatch.setattr(pulses, "FIRST_SECONDS", 3600)
    pulse, woken = Pulse(), asyncio.Event()
    assert 0.04 < await slept(pulse, woken, due_seconds=0.05) < 3
    waiting = asyncio.create_task(slept(pulse, woken))
    await asyncio.sleep(0)
    woken.set()
    assert await waiting < 3
    assert await slept(pulse, woken) < 3
    assert pulse._waiting == {}


async def test_who_waits_for_the_same_beat_looks_one_after_the_other(monkeypatch) -> None:
    monkeypatch.setattr(pulses, "APART_SECONDS", 0.05)
    pulse, looks = Pulse(), []

    async def look(name: str) -> None:
        await pulse.wait(asyncio.Event())
        looks.append((name, asyncio.get_running_loop().time()))

    await asyncio.gather(*(look(name) for name in "abc"))
    assert [name for name, _ in looks] == ["a", "b", "c"]
    assert looks[2][1] - looks[0][1] > 0.08


async def test_a_wait_that_is_canceled_leaves_nothing_behind() -> None:
    pulse = Pulse()
    waiting = asyncio.create_task(pulse.wait(asyncio.Event()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert pulse._waiting == {}
