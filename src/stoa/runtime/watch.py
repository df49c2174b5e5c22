"""Looking after something for as long as a block lasts, whatever becomes of a single look."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

log = logging.getLogger(__name__)

_AFTER_FAILURE_SECONDS = 1.0
"""So that what fails at every look does not fill the log."""


@contextlib.asynccontextmanager
async def watching(
    what: str, look: Callable[[], Awaitable[None]], *, every_seconds: float, most_seconds: float
) -> AsyncIterator[None]:
    """`look` again and again for the block. One that fails, or takes more than `most_seconds`, is told in the log, and
    the next comes all the same: what watches must not end unnoticed."""
    task = asyncio.create_task(_look_for_ever(what, look, every_seconds, most_seconds), name=f"watch of {what}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _look_for_ever(
    what: str, look: Callable[[], Awaitable[None]], every_seconds: float, most_seconds: float
) -> None:
    while True:
        pause = every_seconds
        try:
            async with asyncio.timeout(most_seconds):
                await look()
        except Exception:
            log.exception("a look after something failed; the next one comes", extra={"watched": what})
            pause = max(pause, _AFTER_FAILURE_SECONDS)
        await asyncio.sleep(pause)
