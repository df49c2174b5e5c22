"""The saga: a persisted list of steps, driven forward to an order or backward to nothing.

A step is recorded in the checkout's row before it acts. Whoever resumes the row, after a crash of whatever
and wherever, does so from what is recorded: every act and every undo carries the checkout's id as its key,
so each may be repeated, and an undo refuses an act that comes after it.

    before the pivot   a refusal, or a neighbor that stays silent, turns the saga: all that was recorded
                       is undone in reverse, whether or not it had answered
    the pivot          unknown is repeated until it is known; a refusal still turns the saga
    after the pivot    only forward: retried until it succeeds
    compensating       only backward: retried until it succeeds

What fails for longer than `attention_after_seconds`, or cannot be undone, is parked in sight. States and
transitions are drawn in docs/algorithms/saga.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from msgspec.structs import replace as with_fields

from stoa.kit import context
from stoa.kit.back_off import back_off
from stoa.kit.batcher import Batcher
from stoa.kit.crash_points import Reach
from stoa.kit.problems import Fault, Problem
from stoa.kit.telemetry.metrics import SAGA_STEPS, SAGAS_ENDED
from stoa.services.checkout import crash_points, states
from stoa.services.checkout.errors import CartBeingBought, GivenUp
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Answer
from stoa.services.checkout.repository import Change, Checkout
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.states import State
from stoa.services.checkout.steps.step import Step

T = TypeVar("T")

log = logging.getLogger(__name__)

_TOO_MANY = 429


class Refused(Exception):
    """The act was refused: it is known that it did not happen."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Stuck(Exception):
    """The outcome of the act stayed unknown for as long as we were willing to wait."""


@dataclass(frozen=True, kw_only=True)
class Saga:
    """What all runs share. `saves` writes rows, those of a moment in one commit (`recording.py`)."""

    steps: Sequence[Step]
    neighbors: Neighbors
    settings: Settings
    saves: Batcher[Change, Checkout]
    reach: Reach

    @property
    def pivot(self) -> int:
        return next(at for at, step in enumerate(self.steps) if step.pivot)

    def position(self, name: str) -> int:
        return next(at for at, step in enumerate(self.steps) if step.name == name)


class Run:
    """One checkout on its way from where its row stands to an end.

    `answered` resolves with the shopper's answer when the saga has ended, or when it has an answer and
    something after that keeps failing; with None when the run stops without either.
    """

    def __init__(self, saga: Saga, row: Checkout) -> None:
        self.row = row
        self.answered: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._saga = saga
        self._purchase = row.purchase

    async def go(self) -> None:
        """Until the row is in a final state or parked. Raises `LeaseLost`, or what kept a save from succeeding:
        then the row stays as it was recorded, for whoever takes it over.
        """
        if self.row.state is State.RUNNING:
            await self._forward()
        if self.row.state is State.COMPENSATING:
            await self._backward()

    async def _forward(self) -> None:
        saga = self._saga
        recorded = saga.position(self.row.step)
        # Before the pivot everything is done again, which renews the hold on the stock. Each act knows its key.
        first = recorded if recorded >= saga.pivot else 0
        for at, step in enumerate(saga.steps[first:], start=first):
            if step.effect and at > recorded:
                try:
                    await self._save(step=step.name)
                except CartBeingBought as refusal:
                    # Nothing was written, and what was read of the cart is not ours to keep.
                    self._purchase = self.row.purchase
                    return await self._refuse(step, refusal)
                recorded = at
            saga.reach(crash_points.before(step))
            patience = self._patience(before_pivot=at < saga.pivot)
            try:
                learned = await self._until_known(
                    step.name,
                    partial(step.do, saga.neighbors, self._purchase),
                    patience=patience,
                    refusable=at <= saga.pivot,
                )
            except Refused as refused:
                return await self._refuse(step, refused.problem)
            except Stuck as stuck:
                if at < saga.pivot:
                    return await self._refuse(step, GivenUp(step.name))
                return await self._park(str(stuck))
            SAGA_STEPS.labels(step.name, "done").inc()
            saga.reach(crash_points.after(step))
            self._purchase = learned
        return await self._save(state=State.COMPLETED)

    async def _backward(self) -> None:
        saga = self._saga
        for step in reversed(saga.steps[: saga.position(self.row.step) + 1]):
            if step.undo is None:
                continue
            if self.row.step != step.name:
                await self._save(step=step.name)
            saga.reach(crash_points.before_undo(step))
            patience = self._patience(before_pivot=False)
            try:
                await self._until_known(
                    step.name,
                    partial(step.undo, saga.neighbors, self._purchase),
                    patience=patience,
                    refusable=True,
                )
            except (Refused, Stuck) as failure:
                return await self._park(str(failure))
            SAGA_STEPS.labels(step.name, "undone").inc()
            saga.reach(crash_points.after_undo(step))
        return await self._save(state=State.FAILED)

    async def _refuse(self, step: Step, problem: Problem) -> None:
        """The answer is decided; what was begun is undone before the shopper gets it."""
        SAGA_STEPS.labels(step.name, "refused").inc()
        # As the HTTP layer does with every problem; here already, because it is these bytes that are kept.
        problem.members.setdefault("request_id", context.current().request_id)
        self._purchase = with_fields(self._purchase, token="", answer=Answer(problem.status, problem.encode()))
        await self._save(state=State.COMPENSATING, error=problem.detail)

    async def _park(self, error: str) -> None:
        log.error("checkout %s needs attention at %s: %s", self.row.id, self.row.step, error)
        await self._save(state=State.NEEDS_ATTENTION, error=error)

    async def _until_known(self, name: str, act: Callable[[], Awaitable[T]], *, patience: float, refusable: bool) -> T:
        """Repeat `act` until its outcome is known. Raises `Refused`, or `Stuck` after `patience` seconds.

        Where it is not `refusable` a refusal is repeated too: it must not be, and a person finds out why.
        """
        settings = self._saga.settings
        give_up = time.monotonic() + patience
        failures = 0
        while True:
            try:
                return await act()
            except Problem as problem:
                if refusable and problem.status < 500 and problem.status != _TOO_MANY:
                    raise Refused(problem) from problem
                failure = problem
            except Exception:
                log.exception("%s of checkout %s failed", name, self.row.id)
                failure = Fault("Something went wrong on our side.")
            failures += 1
            pause = back_off(failures, settings.longest_pause_seconds)
            if time.monotonic() + pause > give_up:
                raise Stuck(f"{name}: {failure.detail}") from failure
            SAGA_STEPS.labels(name, "retried").inc()
            await self._save(error=f"{name}: {failure.detail}")
            await asyncio.sleep(pause)

    def _patience(self, *, before_pivot: bool) -> float:
        settings = self._saga.settings
        return settings.give_up_after_seconds if before_pivot else settings.attention_after_seconds

    async def _save(self, *, state: State | None = None, step: str | None = None, error: str | None = None) -> None:
        before = self.row
        after = state or before.state
        states.check(before.state, after)
        answer = self._purchase.answer
        change = Change(
            before=before,
            state=after,
            parked_from=before.state if after is State.NEEDS_ATTENTION else None,
            step=step or before.step,
            purchase=self._purchase,
            # Why it failed stays to be seen; what was in the way of an order that stands does not.
            error=error or (before.error if after in {State.COMPENSATING, State.FAILED} else None),
            # Who could not be served for want of a neighbor may send the same request again.
            frees_key=after is State.FAILED and answer is not None and answer.status >= 500,
        )
        self.row = await self._saga.saves.submit(change)
        if after.final or after is State.NEEDS_ATTENTION:
            SAGAS_ENDED.labels(after).inc()
        if (after.final or error) and state is not State.COMPENSATING:
            self._tell()

    def _tell(self) -> None:
        answer = self._purchase.answer
        if answer is not None and not self.answered.done():
            self.answered.set_result(answer)
