"""Group commit that one bad item cannot spoil for the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import asyncpg

Item = TypeVar("Item")
Result = TypeVar("Result")
Flush = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]


def isolating(flush: Flush[Item, Result]) -> Flush[Item, Result]:
    """`flush`, except that where the database refuses a batch for what is in it, each item goes alone."""

    async def flush_isolating(items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            return await flush(items)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as refusal:
            if len(items) == 1:
                return [refusal]
        return [result for item in items for result in await flush_isolating([item])]

    return flush_isolating
