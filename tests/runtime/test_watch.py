"""What watches goes on, whatever its looks come to."""

from __future__ import annotations

import asyncio
import logging

import pytest

from stoa.runtime import watch
from stoa.runtime.watch import watching


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_AFTER_FAILURE_SECONDS", 0.01)


async def test_a_look_that_fails_or_hangs_is_told_and_the_next_comes(caplog: pytest.LogCaptureFixture) -> None:
    looks = 0
    enough = asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise OSError("no more files")
        if looks == 2:
            await asyncio.Event().wait()
        if looks == 4:
            enough.set()

    with caplog.at_level(logging.ERROR):
        async with watching("the children", look, every_seconds=0.01, most_seconds=0.05):
            await asyncio.wait_for(enough.wait(), 5)
    told = [each.__dict__["watched"] for each in caplog.records]
    assert told == ["the children"] * 2
    kinds = [each.exc_info[0] for each in caplog.records if each.exc_info]
    assert kinds == [OSError, TimeoutError]


async def test_after_the_block_nothing_looks_any_more() -> None:
    before = asyncio.all_tasks()

    async def look() -> None:
        await asyncio.Event().wait()

    async with watching("the children", look, every_seconds=0.01, most_seconds=60):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
