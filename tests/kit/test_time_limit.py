"""A time limit ends what takes too long, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit.time_limit import time_limit


async def test_what_ends_in_time_is_left_alone() -> None:
    with time_limit(0.05):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)


async def test_what_takes_longer_is_cut_off() -> None:
    with pytest.raises(TimeoutError), time_limit(0.001):
        await asyncio.sleep(5)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_who_is_canceled_by_another_is_not_overdue() -> None:
    async def work() -> None:
        with time_limit(0.001):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                working.cancel()
                raise

    working = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_a_failure_is_the_one_that_it_was() -> None:
    with pytest.raises(KeyError), time_limit(0.001):
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            raise KeyError("cleanup") from None
