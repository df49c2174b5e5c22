"""Asking somebody outside: for so long and no longer, and never with a transaction open."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from stoa.kit.db import refuse_inside_transaction
from stoa.kit.problems import Problem
from stoa.kit.time_limit import time_limit

T = TypeVar("T")


async def answer_of(whom: str, asked: Coroutine[Any, Any, T], within_seconds: float, silence: Problem) -> T:
    """The answer. Raises `silence` when it takes longer.

    Inside a transaction it is refused: a lock would be held for as long as a foreign system likes.
    """
    try:
        refuse_inside_transaction(f"{whom} is asked")
    except BaseException:
        asked.close()
        raise
    try:
        with time_limit(within_seconds):
            return await asked
    except TimeoutError:
        raise silence from None
