"""Place an order: take down what is bought, claim the key with it, start the saga, wait for its answer.

The claim is committed before anything is done, and it is the saga's row: a repeat of the key, however
soon and in whichever process, finds it and waits for the same answer. What comes before it only reads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

import msgspec
from msgspec.structs import replace

from stoa.kit.problems import Problem
from stoa.kit.telemetry.metrics import SAGA_STEPS, SAGAS_ENDED
from stoa.services.checkout import repository
from stoa.services.checkout.errors import (
    AnswerGone,
    CartBeingBought,
    GivenUp,
    KeyReused,
    Overloaded,
    PriceUnknown,
    RequestInProgress,
)
from stoa.services.checkout.purchase import KeptAnswer, Purchase
from stoa.services.checkout.recording import Claim, Claimed, InTheWay
from stoa.services.checkout.repository import Checkout, NewCheckout
from stoa.services.checkout.saga import Run
from stoa.services.checkout.service import Checkouts
from stoa.services.checkout.snapshot import SNAPSHOT, Reading, take_snapshot
from stoa.services.checkout.states import State
from stoa.services.checkout.steps import LAST_BEFORE_PIVOT
from stoa.services.checkout.trying import Refused, Stuck, until_known
from stoa.services.checkout.waves import CohortPlace

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 0.1
"""How often a row that another process works on is read while a repeat of its key waits."""


class Placed(msgspec.Struct, frozen=True):
    """`answer` is None where the saga goes on without us having one; `replayed` for a repeat of the key."""

    checkout_id: str
    order_id: str
    answer: KeptAnswer | None
    replayed: bool


async def place(checkouts: Checkouts, scope: str, key: str, body_hash: bytes, purchase: Purchase) -> Placed:
    """The answer of the purchase, made at most once for this scope and key.

    Raises `KeyReused` for another body under the same key, `AnswerGone` for a key of long ago,
    `RequestInProgress` where the first takes longer than a repeat waits, and before anything is claimed
    `Overloaded`, and `GivenUp` or `PriceUnknown` where what is bought, or what it costs, cannot be found out.
    """
    asked = NewCheckout(scope=scope, key=key, body_hash=body_hash, step=SNAPSHOT, purchase=purchase)
    while True:
        claimed: Claimed = None
        not_claimed: Problem | None = None
        try:
            claimed = await _begin(checkouts, asked)
        except InTheWay:
            continue
        except (Overloaded, GivenUp, PriceUnknown) as problem:
            # It keeps nobody from the answer of a key that is taken.
            not_claimed = problem
        if claimed is not None:
            seconds = checkouts.settings.answer_within_seconds
            answer = await _told(claimed, seconds) if isinstance(claimed, Run) else claimed
            return Placed(purchase.checkout_id, purchase.order_id, answer, replayed=False)
        first = await repository.by_key(checkouts.db, scope, key)
        if first is not None:
            repeated = await _repeat(checkouts, first, body_hash)
            if repeated is not None:
                return repeated
        elif not_claimed is not None:
            raise not_claimed
        # The first has given its key back, before we looked or while we waited for it: it is ours to claim.


async def _begin(checkouts: Checkouts, asked: NewCheckout) -> Claimed:
    """Claim it if there is room, as soon as the next cohort sets out. Its place there is the run's, if there is one."""
    with checkouts.runner.entering():
        in_cohort = await checkouts.gate.enter()
        claimed: Claimed = None
        try:
            claimed = await _claim(checkouts, asked, in_cohort)
        finally:
            if not isinstance(claimed, Run):
                in_cohort.leave()
        return claimed


async def _claim(checkouts: Checkouts, asked: NewCheckout, in_cohort: CohortPlace) -> Claimed:
    """With what is bought; or else as what was refused, so that a repeat of the key gets the same answer."""
    try:
        purchase = await _snapshot(checkouts, asked.purchase, in_cohort)
        to_run = replace(asked, step=LAST_BEFORE_PIVOT, purchase=purchase)
        return await checkouts.claims.submit(Claim(to_run, in_cohort))
    except Refused as refused:
        problem = refused.problem
    except CartBeingBought as being_bought:
        problem = being_bought
    refusal = replace(asked, purchase=asked.purchase.refused(problem), error=problem.detail)
    claimed = await checkouts.claims.submit(Claim(refusal, in_cohort))
    # Not where the key is taken: a repeat finds its cart empty, because the first has bought it.
    if claimed is not None:
        SAGA_STEPS.labels(SNAPSHOT, "refused").inc()
        SAGAS_ENDED.labels(State.FAILED).inc()
    return claimed


async def _snapshot(checkouts: Checkouts, purchase: Purchase, in_cohort: CohortPlace) -> Purchase:
    """Raises `Refused`, `GivenUp` where a neighbor stays silent, or `PriceUnknown` where a provider does."""
    settings = checkouts.settings

    async def attempt(alone: bool) -> Purchase:
        if alone:
            in_cohort.leave()
            read = Reading(checkouts.carts.alone, checkouts.promotions.alone)
        else:
            carts, promotions = checkouts.carts, checkouts.promotions
            read = Reading(partial(carts.join, place=in_cohort), partial(promotions.join, place=in_cohort))
        return await take_snapshot(checkouts.neighbors, read, purchase, in_cohort)

    try:
        return await until_known(
            SNAPSHOT,
            attempt,
            patience_seconds=settings.give_up_after_seconds,
            longest_pause_seconds=settings.longest_pause_seconds,
            failed=_seen,
        )
    except Stuck as stuck:
        if isinstance(stuck.__cause__, PriceUnknown):
            raise stuck.__cause__ from None
        raise GivenUp(SNAPSHOT) from stuck


async def _seen(error: str) -> None:
    SAGA_STEPS.labels(SNAPSHOT, "retried").inc()
    log.warning("a cart cannot be read yet: %s", error)


async def _repeat(checkouts: Checkouts, row: Checkout, body_hash: bytes) -> Placed | None:
    """The answer of a checkout that another request began, waiting for it; None where it has given its key back."""
    if row.body_hash != body_hash:
        raise KeyReused
    if row.purchase.answer is not None and not row.purchase.answer.body:
        raise AnswerGone(row.purchase.order_id)
    give_up = time.monotonic() + checkouts.settings.repeat_waits_seconds
    while True:
        left = give_up - time.monotonic()
        # A refusal is final although its undoing takes long, and an order stands although its cart could not
        # be cleared yet; but while that may still happen in time, it is waited for.
        if row.state.final or left <= 0:
            answer = row.purchase.answer
        else:
            run = checkouts.runner.find(row.id)
            answer = await _told(run, left) if run is not None else None
        if answer is not None and not answer.frees_key:
            return Placed(row.id, row.purchase.order_id, answer, replayed=True)
        if row.state.final:
            return None
        if left <= 0:
            raise RequestInProgress(row.id)
        await asyncio.sleep(min(LOOK_EVERY_SECONDS, left))
        found = await repository.by_id(checkouts.db, row.id)
        assert found is not None  # checkouts are never removed
        row = found


async def _told(run: Run, within_seconds: float) -> KeptAnswer | None:
    """The run's answer; None where it is not there in time. The run goes on either way."""
    await asyncio.wait([run.answered], timeout=within_seconds)
    return run.answered.result() if run.answered.done() else None
