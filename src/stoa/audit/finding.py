"""What an invariant is, and what it means that it is broken."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from stoa.audit.look import Look


@dataclass(frozen=True, order=True)
class Finding:
    """`subject` is the id of what is wrong, `what` a sentence about it."""

    subject: str
    what: str


Findings = AsyncGenerator[Finding, None]


@dataclass(frozen=True)
class Invariant:
    """`check` finds what breaks `statement`: nothing, on a sound system at rest.

    Those of packages are numbered in the order in which they join.
    """

    number: int
    statement: str
    check: Callable[[Look], Findings]
