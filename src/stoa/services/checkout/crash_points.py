"""Places at which a test may have the process die, as by kill -9. Off unless STOA_CRASH_AT names one.

They stand where the outside and the row may differ: after a step was recorded and before it acts, and
after it has acted and before its outcome is recorded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from stoa.services.checkout.steps.step import Step

Reach = Callable[[str], None]


def exit_at(point: str) -> Reach:
    """What ends the process, with status 9, when it reaches `point`; nothing does for an empty name."""

    def reach(reached: str) -> None:
        if reached == point:
            os._exit(9)

    return reach


def before(step: Step) -> str:
    return f"checkout:before:{step.name}"


def after(step: Step) -> str:
    return f"checkout:after:{step.name}"


def before_undo(step: Step) -> str:
    return f"checkout:before:undo:{step.name}"


def after_undo(step: Step) -> str:
    return f"checkout:after:undo:{step.name}"


def all_points(steps: Sequence[Step]) -> list[str]:
    """Every point there is: forward in the order of the steps, then backward."""
    forward = [point(step) for step in steps for point in (before, after)]
    backward = [point(step) for step in reversed(steps) if step.undo for point in (before_undo, after_undo)]
    return forward + backward
