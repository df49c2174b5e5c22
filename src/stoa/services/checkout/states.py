"""The states of a checkout, and every way from one to another. A wrong way raises, always.

Drawn in docs/algorithms/saga.md, which a test compares with `TRANSITIONS`.
"""

from __future__ import annotations

from enum import StrEnum

from stoa.services.checkout.errors import WrongState


class State(StrEnum):
    RUNNING = "running"
    """Forward: up to the capture it may still turn, after it only go on."""
    COMPENSATING = "compensating"
    """Backward: all that may have acted is being undone."""
    COMPLETED = "completed"
    """The order stands."""
    FAILED = "failed"
    """Nothing is left of it but the answer."""
    NEEDS_ATTENTION = "needs_attention"
    """It could neither go on nor be undone for too long: a person looks and redrives it."""

    @property
    def final(self) -> bool:
        return self in {State.COMPLETED, State.FAILED}


TRANSITIONS: dict[tuple[State, State], str] = {
    (State.RUNNING, State.COMPLETED): "saga.Run._forward",
    (State.RUNNING, State.COMPENSATING): "saga.Run._turn",
    (State.RUNNING, State.NEEDS_ATTENTION): "saga.Run._park",
    (State.COMPENSATING, State.FAILED): "saga.Run._backward",
    (State.COMPENSATING, State.NEEDS_ATTENTION): "saga.Run._park",
    (State.NEEDS_ATTENTION, State.RUNNING): "retry_checkout.retry",
    (State.NEEDS_ATTENTION, State.COMPENSATING): "retry_checkout.retry",
}
"""From, to: the function that performs it."""


def check(before: State, after: State) -> None:
    """Raise `WrongState` unless `after` may follow `before`; a state may always be saved again."""
    if before is not after and (before, after) not in TRANSITIONS:
        raise WrongState(before, after)
