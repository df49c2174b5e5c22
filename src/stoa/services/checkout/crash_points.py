"""The places of the saga at which a test may have the process die (`stoa.kit.crash_points`).

They stand where the outside and the row may differ: before a step acts, and after it has acted. What goes well between
the claim and the answer is not recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.services.checkout.steps.step import Step


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
