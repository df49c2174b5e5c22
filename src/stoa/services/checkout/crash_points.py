"""The places of the saga at which a test may have the process die (`stoa.kit.crash_points`).

They stand where the outside and the row may differ: before a step acts, after it has acted, and where one was refused
and that is not yet written down. What goes well between the claim and the answer is not recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.services.checkout.steps.step import Step

BEFORE_TURN = "checkout:before:turn"


def before(step: Step) -> str:
    return f"checkout:before:{step.name}"


def after(step: Step) -> str:
    return f"checkout:after:{step.name}"


def before_undo(step: Step) -> str:
    return f"checkout:before:undo:{step.name}"


def after_undo(step: Step) -> str:
    return f"checkout:after:undo:{step.name}"


def on_the_way_forward(steps: Sequence[Step]) -> list[str]:
    return [point(step) for step in steps for point in (before, after)]


def on_the_way_back(steps: Sequence[Step]) -> list[str]:
    """From the refusal on."""
    undone = [step for step in reversed(steps) if step.undo]
    return [BEFORE_TURN, *(point(step) for step in undone for point in (before_undo, after_undo))]


def all_points(steps: Sequence[Step]) -> list[str]:
    return on_the_way_forward(steps) + on_the_way_back(steps)
