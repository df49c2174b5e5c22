"""The saga: a persisted list of steps, driven forward to an order or backward to nothing.

A checkout is recorded with all that is bought before the first step acts, and with its answer after the last: what
goes well between the two is not. Every act and every undo carries the checkout's id as its key, so that each may be
repeated, and an undo refuses an act that comes after it. So whoever takes a checkout over, after a crash of whatever
and wherever, asks for everything again, and undoes everything that may have acted.

    before the pivot   a refusal, or a neighbor that stays silent, turns the saga: all that may have acted is undone in
                       reverse, whether or not it had answered
    the pivot          unknown is repeated until it is known; a refusal still turns the saga
    after the pivot    only forward: retried until it succeeds
    compensating       only backward: retried until it succeeds

Whoever takes a checkout over does not know how far it had come. If it cannot go on, the arbiter decides: an order that
can still be abandoned was never placed, and one that was confirmed stands.

What fails for longer than `attention_after_seconds`, or cannot be undone, is parked in sight. States and
transitions are drawn in docs/algorithms/saga.md. Checkouts that wait for the same step go on in waves (`waves`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from stoa.kit.batcher import Batcher
from stoa.kit.crash_points import Reach
from stoa.kit.problems import Problem
from stoa.kit.telemetry.metrics import SAGA_STEPS, SAGAS_ENDED
from stoa.services.checkout import crash_points, states
from stoa.services.checkout.errors import GivenUp
from stoa.services.checkout.purchase import KeptAnswer, Purchase
from stoa.services.checkout.repository import Checkout, CheckoutChange
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.snapshot import SNAPSHOT
from stoa.services.checkout.states import State
from stoa.services.checkout.steps.step import Step
from stoa.services.checkout.trying import Refused, Stuck, until_known
from stoa.services.checkout.waves import CohortPlace, Station

log = logging.getLogger(__name__)

ToStep = Mapping[str, Station[Purchase, Purchase]]
"""Where checkouts wait for a step, or for its undo, by the step's name."""


@dataclass(frozen=True, kw_only=True)
class Saga:
    """What all runs share. `saves` writes rows, those of a moment in one commit (`recording.py`)."""

    steps: Sequence[Step]
    doing: ToStep
    undoing: ToStep
    saves: Batcher[CheckoutChange, Checkout]
    settings: Settings
    reach: Reach

    @cached_property
    def pivot(self) -> int:
        return next(at for at, step in enumerate(self.steps) if step.pivot)

    @cached_property
    def arbiter(self) -> Step:
        return next(step for step in self.steps if step.arbiter)


class Run:
    """One checkout on its way from where its row stands to an end, up to the pivot in a cohort if it keeps up with it.

    `answered` resolves with the shopper's answer when the saga has ended, or when it has an answer and
    something after that keeps failing; with None when the run stops without either.
    """

    def __init__(self, saga: Saga, row: Checkout, place: CohortPlace | None) -> None:
        self.row = row
        self.answered: asyncio.Future[KeptAnswer | None] = asyncio.get_running_loop().create_future()
        self._saga = saga
        self._purchase = row.purchase
        self._place = place
        self._taken_over = row.attempts > 1
        """Whether somebody before us may have come further than the row says."""
        self._acted = len(saga.steps) if self._taken_over else 0
        """How many steps, from the first, may have acted."""
        self._at = saga.steps[0]
        """The step that is being done or undone."""

    async def go(self) -> None:
        """Until the row is in a final state or parked. Raises `LeaseLost`, or what kept a save from succeeding:
        then the row stays as it was recorded, for whoever takes it over.
        """
        try:
            if self.row.state is State.RUNNING:
                await self._forward()
            if self.row.state is State.COMPENSATING:
                await self._backward()
        except (Refused, Stuck) as failure:
            # From the pivot on, and on the way back, it can only be repeated: and that was refused, or in vain.
            await self._park(failure)

    def leave_cohort(self) -> None:
        """Who is at the gate is not to wait for this one."""
        if self._place is not None:
            self._place.leave()

    async def _forward(self) -> None:
        """To the order; or, if that is not to be and there is none already, to the turn."""
        saga = self._saga
        # With an answer the order stands, and only what comes after that is left.
        problem = await self._to_pivot() if self._purchase.answer is None else None
        if problem is not None and not await self._was_confirmed():
            return await self._turn(problem)
        for at in range(saga.pivot + 1, len(saga.steps)):
            await self._do(at)
        return await self._save(saga.steps[-1], State.COMPLETED)

    async def _to_pivot(self) -> Problem | None:
        """All that may still turn, the pivot with it; or the problem of the first step that was not done."""
        if self._purchase.quote is None:
            # Left by a version that took the snapshot later: nothing was done yet.
            return GivenUp(SNAPSHOT)
        for at, step in enumerate(self._saga.steps[: self._saga.pivot + 1]):
            try:
                await self._do(at)
                continue
            except Refused as refused:
                problem = refused.problem
            except Stuck:
                if step.pivot:
                    raise
                problem = GivenUp(step.name)
            SAGA_STEPS.labels(step.name, "refused").inc()
            return problem
        return None

    async def _was_confirmed(self) -> bool:
        """Whether the order stands all the same, because who had this checkout before us came so far. If not, it is
        abandoned, and cannot be confirmed from now on.
        """
        if not self._taken_over:
            return False
        try:
            await self._until_known(self._saga.arbiter, self._saga.undoing, patient=True, refusable=True)
        except Refused:
            return True
        return False

    async def _backward(self) -> None:
        """To nothing: what may have acted is undone, the last first."""
        saga = self._saga
        for step in reversed(saga.steps[: self._acted]):
            if step.undo is not None:
                saga.reach(crash_points.before_undo(step))
                await self._until_known(step, saga.undoing, patient=True, refusable=True)
                SAGA_STEPS.labels(step.name, "undone").inc()
                saga.reach(crash_points.after_undo(step))
        await self._save(saga.steps[0], State.FAILED)

    async def _turn(self, problem: Problem) -> None:
        """The answer is decided; what was begun is undone before the shopper gets it."""
        self.leave_cohort()
        self._saga.reach(crash_points.BEFORE_TURN)
        self._purchase = self._purchase.refused(problem)
        last = self._saga.steps[max(self._acted, 1) - 1]
        await self._save(last, State.COMPENSATING, error=problem.detail)

    async def _park(self, failure: Exception) -> None:
        """A person finds out what is wrong at this step, and sends it on in the direction in which it went."""
        log.error("checkout %s needs attention at %s: %s", self.row.id, self._at.name, failure)
        await self._save(self._at, State.NEEDS_ATTENTION, error=str(failure))

    async def _do(self, at: int) -> None:
        """One step. Up to the pivot raises `Refused`, and wherever it is `Stuck`."""
        saga, step = self._saga, self._saga.steps[at]
        self._acted = max(self._acted, at + 1)
        if step.pivot:
            self.leave_cohort()
        saga.reach(crash_points.before(step))
        # Nobody waits for what was taken over, and from the pivot on nothing is given up.
        patient = self._taken_over or at >= saga.pivot
        learned = await self._until_known(step, saga.doing, patient=patient, refusable=at <= saga.pivot)
        SAGA_STEPS.labels(step.name, "done").inc()
        saga.reach(crash_points.after(step))
        self._purchase = learned

    async def _until_known(self, step: Step, stations: ToStep, *, patient: bool, refusable: bool) -> Purchase:
        settings = self._saga.settings
        station = stations[step.name]
        self._at = step

        async def attempt(alone: bool) -> Purchase:
            if alone:
                self.leave_cohort()
                return await station.alone(self._purchase)
            return await station.join(self._purchase, self._place)

        async def failed(error: str) -> None:
            SAGA_STEPS.labels(step.name, "retried").inc()
            await self._save(step, self.row.state, error=error)

        return await until_known(
            step.name,
            attempt,
            patience_seconds=settings.attention_after_seconds if patient else settings.give_up_after_seconds,
            longest_pause_seconds=settings.longest_pause_seconds,
            refusable=refusable,
            failed=failed,
        )

    async def _save(self, step: Step, state: State, *, error: str | None = None) -> None:
        before = self.row
        states.check(before.state, state)
        answer = self._purchase.answer
        change = CheckoutChange(
            before=before,
            state=state,
            parked_from=before.state if state is State.NEEDS_ATTENTION else None,
            step=step.name,
            purchase=self._purchase,
            # Why it failed stays to be seen; what was in the way of an order that stands does not.
            error=error or (before.error if state in {State.COMPENSATING, State.FAILED} else None),
            frees_key=state is State.FAILED and answer is not None and answer.frees_key,
        )
        self.row = await self._saga.saves.submit(change)
        if state.final or state is State.NEEDS_ATTENTION:
            SAGAS_ENDED.labels(state).inc()
        if state.final or (error is not None and before.state is state) or state is State.NEEDS_ATTENTION:
            self._tell()

    def _tell(self) -> None:
        answer = self._purchase.answer
        if answer is not None and not self.answered.done():
            self.answered.set_result(answer)
