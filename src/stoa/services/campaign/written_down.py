"""When two processes come about the same checkout at the same moment, one of them begins anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class WrittenDown(Exception):
    """Somebody else has written down a checkout of which nothing was known when we began: what we did is undone."""


async def until_seen(attempt: Callable[[], Awaitable[T]]) -> T:
    """What the attempt answers, begun again for each `WrittenDown`: the other's row is committed by then and seen the
    next time, so this ends."""
    while True:
        try:
            return await attempt()
        except WrittenDown:
            continue
