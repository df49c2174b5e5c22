"""How long something took, for a test whose waits are bounded."""

from __future__ import annotations

import time
from collections.abc import Awaitable


async def timed(asked: Awaitable[object]) -> tuple[object, float]:
    """Its result, or the type of what it raised, and the seconds."""
    started = time.monotonic()
    try:
        result = await asked
    except Exception as error:
        result = type(error)
    return result, time.monotonic() - started
