"""The audit: every invariant looked at several times, so that work in flight is not taken for a fault."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from stoa.app import SERVICES
from stoa.audit.events import EVENTS
from stoa.audit.finding import Finding, Invariant
from stoa.audit.look import EVER, looking
from stoa.audit.media import MEDIA
from stoa.audit.orders import ORDERS
from stoa.audit.payments import PAYMENTS_INVARIANT
from stoa.audit.promotions import PROMOTIONS
from stoa.audit.reservations import RESERVATIONS
from stoa.audit.search import SEARCH
from stoa.audit.stock import STOCK
from stoa.audit.totals import TOTALS_INVARIANT
from stoa.kit.db import Database
from stoa.runtime.kept_files import KeptFiles

OURS = (STOCK, RESERVATIONS, PAYMENTS_INVARIANT, ORDERS, EVENTS, TOTALS_INVARIANT, SEARCH, MEDIA, PROMOTIONS)


def _of_packages() -> Iterator[Invariant]:
    number = len(OURS)
    for service in SERVICES.values():
        for invariant in importlib.import_module(service.audit).INVARIANTS if service.audit else ():
            number += 1
            yield replace(invariant, number=number)


INVARIANTS: Sequence[Invariant] = (*OURS, *_of_packages())

MOST_FINDINGS = 1000
"""Of one invariant. Who has more has one fault many times, and memory is not for counting it."""


@dataclass(frozen=True)
class Verdict:
    """`findings` is empty where the invariant holds, and has at most `MOST_FINDINGS`."""

    invariant: Invariant
    findings: Sequence[Finding]


async def audit(
    databases: Mapping[str, Database],
    *,
    files: KeptFiles | None = None,
    since: str = EVER,
    looks: int = 5,
    pause_seconds: float = 2.0,
) -> list[Verdict]:
    """A verdict on each invariant, about what began with the id `since` or later (`ids.first_uuid7`). Without `files`
    it is not looked at the bytes of files, only at their rows.

    One is broken where the same finding is there in each of `looks` looks. A sound system is looked at once:
    the pauses are spent only on what looks wrong.
    """
    return [
        await judge(databases, invariant, files=files, since=since, looks=looks, pause_seconds=pause_seconds)
        for invariant in INVARIANTS
    ]


async def judge(
    databases: Mapping[str, Database],
    invariant: Invariant,
    *,
    files: KeptFiles | None = None,
    since: str,
    looks: int,
    pause_seconds: float,
) -> Verdict:
    """The verdict on one of them."""
    find = partial(_findings, databases, invariant, since, files)
    findings = await find()
    for _ in range(looks - 1):
        if not findings:
            break
        await asyncio.sleep(pause_seconds)
        findings &= await find()
    return Verdict(invariant, sorted(findings))


async def _findings(
    databases: Mapping[str, Database], invariant: Invariant, since: str, files: KeptFiles | None
) -> set[Finding]:
    found: set[Finding] = set()
    async with looking(databases, since, files) as look, contextlib.aclosing(invariant.check(look)) as findings:
        async for finding in findings:
            found.add(finding)
            if len(found) == MOST_FINDINGS:
                break
    return found
