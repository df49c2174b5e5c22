"""Removing much in small pieces: each round is a short transaction, so nobody waits for it and none is ever large."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

ONE_ROUND = 1_000
"""Rows that one round may remove."""


async def in_rounds(one_round: Callable[[int], Awaitable[int]]) -> int:
    """Repeat a round, which takes at most so many rows and says how many, until it finds less; how many in all."""
    total = 0
    while (found := await one_round(ONE_ROUND)) == ONE_ROUND:
        total += found
    return total + found
