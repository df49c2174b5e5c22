"""An act is repeated until it is known what became of it. A silence, or a failure, does not say whether it happened."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stoa.kit.back_off import back_off
from stoa.kit.batcher import ShuttingDown
from stoa.kit.many import UnderWay
from stoa.kit.problems import Fault, Problem

T = TypeVar("T")

log = logging.getLogger(__name__)

_TOO_MANY = 429

Attempt = Callable[[bool], Awaitable[T]]
"""Told whether it goes alone: the first time it may go in a wave."""


class Refused(Exception):
    """The act was refused: it is known that it did not happen."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Stuck(Exception):
    """To ask again is in vain: the outcome stayed unknown for as long as we were willing to wait; or, as an attempt
    may say, a fault of ours has ended the act.
    """


async def until_known(
    name: str,
    attempt: Attempt[T],
    *,
    patience_seconds: float,
    longest_pause_seconds: float,
    refusable: bool = True,
    failed: Callable[[str], Awaitable[None]],
) -> T:
    """What an `attempt` answers; `failed` hears of each failure before. Raises `Refused`, `Stuck` after
    `patience_seconds` or when an attempt does, or `ShuttingDown` where this process is about to stop.

    Where it is not `refusable` a refusal is repeated too: it must not be, and a person finds out why.
    """
    give_up = time.monotonic() + patience_seconds
    failures = 0
    alone = False
    while True:
        try:
            return await attempt(alone)
        except (ShuttingDown, Stuck):
            raise
        except UnderWay as problem:
            # Left out of its wave, which did not wait for it.
            if not alone:
                alone = True
                continue
            failure: Problem = problem
        except Problem as problem:
            if refusable and problem.status < 500 and problem.status != _TOO_MANY:
                raise Refused(problem) from problem
            failure = problem
        except Exception:
            log.exception("%s failed", name)
            failure = Fault("Something went wrong on our side.")
        # It may have failed for what another of the wave is.
        alone = True
        failures += 1
        pause = back_off(failures, longest_pause_seconds)
        if time.monotonic() + pause > give_up:
            raise Stuck(f"{name}: {failure.detail}") from failure
        await failed(f"{name}: {failure.detail}")
        await asyncio.sleep(pause)
