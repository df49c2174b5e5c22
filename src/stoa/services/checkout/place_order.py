"""Place an order: claim the key, start the saga, wait for its answer.

The claim is committed before anything is done, and it is the saga's row: a repeat of the key, however
soon and in whichever process, finds it and waits for the same answer.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from stoa.services.checkout import repository
from stoa.services.checkout.errors import AnswerGone, KeyReused, Overloaded, RequestInProgress
from stoa.services.checkout.purchase import Answer, Purchase
from stoa.services.checkout.repository import Checkout, NewCheckout
from stoa.services.checkout.saga import Run
from stoa.services.checkout.service import Checkouts
from stoa.services.checkout.steps import STEPS

LOOK_EVERY_SECONDS = 0.1
"""How often a row that another process works on is read while a repeat of its key waits."""


@dataclass(frozen=True)
class Placed:
    """`answer` is None where the saga goes on without us having one; `replayed` for a repeat of the key."""

    checkout_id: str
    order_id: str
    answer: Answer | None
    replayed: bool


async def place(checkouts: Checkouts, scope: str, key: str, body_hash: bytes, purchase: Purchase) -> Placed:
    """The answer of the purchase, made at most once for this scope and key.

    Raises `KeyReused` for another body under the same key, `AnswerGone` for a key of long ago,
    `RequestInProgress` where the first takes longer than a repeat waits, and `Overloaded` before anything
    is claimed.
    """
    claim = NewCheckout(scope=scope, key=key, body_hash=body_hash, first_step=STEPS[0].name, purchase=purchase)
    while True:
        row = await _claim(checkouts, claim)
        if row is not None:
            run = checkouts.runner.start(row)
            answer = await _told(run, checkouts.settings.answer_within_seconds)
            return Placed(row.id, purchase.order_id, answer, replayed=False)
        taken = await repository.by_key(checkouts.db, scope, key)
        # Where the key is given back, before we look or while we wait, it is ours to claim again.
        if taken is not None and (repeated := await _repeat(checkouts, taken, body_hash)) is not None:
            return repeated


async def _claim(checkouts: Checkouts, claim: NewCheckout) -> Checkout | None:
    """The new row, None where the key is taken. Raises `Overloaded` where it is free and there is no room."""
    try:
        checkouts.runner.check_room()
    except Overloaded:
        if await repository.by_key(checkouts.db, claim.scope, claim.key) is None:
            raise
        return None
    return await checkouts.claims.submit(claim)


async def _repeat(checkouts: Checkouts, row: Checkout, body_hash: bytes) -> Placed | None:
    """The answer of a checkout that another request began, waiting for it; None where it has given its key back."""
    if row.body_hash != body_hash:
        raise KeyReused
    if row.purchase.answer is not None and not row.purchase.answer.body:
        raise AnswerGone(row.purchase.order_id)
    give_up = time.monotonic() + checkouts.settings.repeat_waits_seconds
    found: Checkout | None = row
    while found is not None:
        answer = found.purchase.answer
        left = give_up - time.monotonic()
        # A refusal is final although its undoing takes long, and an order stands although its cart could not
        # be cleared yet; but while that may still happen in time, it is waited for.
        if answer is not None and answer.status < 500 and (found.state.final or left <= 0):
            return Placed(row.id, row.purchase.order_id, answer, replayed=True)
        if found.state.final:
            return None
        if left <= 0:
            raise RequestInProgress(row.id)
        run = checkouts.runner.find(row.id)
        told = await _told(run, left) if run is not None else None
        if told is not None and told.status < 500:
            return Placed(row.id, row.purchase.order_id, told, replayed=True)
        await asyncio.sleep(min(LOOK_EVERY_SECONDS, left))
        found = await repository.by_id(checkouts.db, row.id)
    return None


async def _told(run: Run, within_seconds: float) -> Answer | None:
    """The run's answer; None where it is not there in time. The run goes on either way."""
    await asyncio.wait([run.answered], timeout=within_seconds)
    return run.answered.result() if run.answered.done() else None
