"""An expected failure of a command: shown as one line, never as a traceback."""

from __future__ import annotations

from stoa.kit.problems import TYPE_BASE, Problem

MAKE_ROOM = "make room on the disk of the database server"
"""How to mend that it says that it is full."""


class Failure(Exception):
    """`what` is wrong and, in the words of somebody who can act on it, how to `mend` it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}; {mend}")
        self.what = what
        self.mend = mend


def failure_of(problem: Problem, mend: str) -> Failure:
    """What a service said, for a terminal; `mend` where it does not say itself what is to be done."""
    full = problem.type == f"{TYPE_BASE}disk-full"
    return Failure(problem.detail.rstrip("."), MAKE_ROOM if full else mend)
