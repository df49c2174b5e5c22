"""Place an order: claim the key, start the saga, wait for its answer.

The claim is committed before anything is done, and it is the saga's row: a repeat of the key, however
soon and in whichever process, finds it and waits for the same answer.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from stoa.services.checkout import repository
from stoa.services.checkout.errors import KeyReused, RequestInProgress
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

    Raises `KeyReused` for another body under the same key, `RequestInProgress` where the first takes
    longer than a repeat waits, and `Overloaded` before anything is claimed.
    """
    try:
        checkouts.runner.check_room()
    except Exception:
        if (taken := await repository.by_key(checkouts.db, scope, key)) is None:
            raise
        return await _repeat(checkouts, taken, body_hash)
    claim = NewCheckout(scope=scope, key=key, body_hash=body_hash, first_step=STEPS[0].name, purchase=purchase)
    while True:
        row = await checkouts.claims.submit(claim)
        if row is not None:
            run = checkouts.runner.start(row)
            answer = await _told(run, checkouts.settings.answer_within_seconds)
            return Placed(row.id, purchase.order_id, answer, replayed=False)
        # Where the key was given back between the two statements, it is ours to claim again.
        if (taken := await repository.by_key(checkouts.db, scope, key)) is not None:
            return await _repeat(checkouts, taken, body_hash)


async def _repeat(checkouts: Checkouts, row: Checkout, body_hash: bytes) -> Placed:
    if row.body_hash != body_hash:
        raise KeyReused
    answer = await _of(checkouts, row)
    if answer is None:
        raise RequestInProgress(row.id)
    return Placed(row.id, row.purchase.order_id, answer, replayed=True)


async def _of(checkouts: Checkouts, row: Checkout) -> Answer | None:
    """The answer of a checkout that was begun by another request, waiting for it where it is open."""
    give_up = time.monotonic() + checkouts.settings.repeat_waits_seconds
    found: Checkout | None = row
    while found is not None and not found.state.final:
        left = give_up - time.monotonic()
        if left <= 0:
            # A refusal is final although its undoing takes long, and an order stands although its cart
            # could not be cleared yet. What was given up may be tried again, but only once it is undone.
            answer = found.purchase.answer
            return answer if answer is not None and answer.status < 500 else None
        run = checkouts.runner.find(row.id)
        if run is not None and (told := await _told(run, left)) is not None:
            return told
        await asyncio.sleep(min(LOOK_EVERY_SECONDS, left))
        found = await repository.by_id(checkouts.db, row.id)
    return found.purchase.answer if found else None


async def _told(run: Run, within_seconds: float) -> Answer | None:
    """The run's answer; None where it is not there in time. The run goes on either way."""
    await asyncio.wait([run.answered], timeout=within_seconds)
    return run.answered.result() if run.answered.done() else None
