"""What an invariant is, and what it means that it is broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from stoa.kit.db import Db

Databases = Mapping[str, Db]
"""Every service's database, by the service's name."""


@dataclass(frozen=True, order=True)
class Finding:
    """`subject` is the id of what is wrong, `what` a sentence about it."""

    subject: str
    what: str


@dataclass(frozen=True)
class Invariant:
    """`check` finds what breaks `statement`: nothing, on a sound system at rest."""

    number: int
    statement: str
    check: Callable[[Databases], Awaitable[list[Finding]]]
