"""Asking somebody outside: for so long and no longer, never with a transaction open, and not while it is down."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from stoa.kit.breaker import Breaker
from stoa.kit.db import refuse_inside_transaction
from stoa.kit.problems import Problem
from stoa.kit.time_limit import time_limit

T = TypeVar("T")

log = logging.getLogger(__name__)


async def answer_of(whom: str, asked: Coroutine[Any, Any, T], within_seconds: float, silence: Problem) -> T:
    """The answer. Raises `silence` when it takes longer.

    Inside a transaction it is refused: a lock would be held for as long as a foreign system likes.
    """
    _refuse_inside_transaction(whom, asked)
    try:
        with time_limit(within_seconds):
            return await asked
    except TimeoutError:
        raise silence from None


async def answer_unless_down(
    breaker: Breaker, whom: str, asked: Coroutine[Any, Any, T], within_seconds: float, silence: Problem
) -> T:
    """The same of somebody who is left in peace for a while after several failures: `silence` at once then, and for any
    failure but a refusal."""
    _refuse_inside_transaction(whom, asked)
    if not breaker.admits():
        asked.close()
        raise silence
    breaker.sending()
    try:
        answer = await answer_of(whom, asked, within_seconds, silence)
    except Problem as problem:
        if problem.status < 500:
            breaker.succeeded()
            raise
        breaker.failed()
        raise silence from problem
    except Exception as error:
        log.exception("%s failed", whom)
        breaker.failed()
        raise silence from error
    except BaseException:
        breaker.abandoned()
        raise
    breaker.succeeded()
    return answer


def _refuse_inside_transaction(whom: str, asked: Coroutine[Any, Any, Any]) -> None:
    try:
        refuse_inside_transaction(f"{whom} is asked")
    except BaseException:
        asked.close()
        raise
