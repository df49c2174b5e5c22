"""The audit: every invariant looked at several times, so that work in flight is not taken for a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from stoa.audit.events import EVENTS
from stoa.audit.finding import Databases, Finding, Invariant
from stoa.audit.orders import ORDERS
from stoa.audit.payments import PAYMENTS_INVARIANT
from stoa.audit.reservations import RESERVATIONS
from stoa.audit.stock import STOCK
from stoa.audit.totals import TOTALS_INVARIANT

INVARIANTS: Sequence[Invariant] = (STOCK, RESERVATIONS, PAYMENTS_INVARIANT, ORDERS, EVENTS, TOTALS_INVARIANT)


@dataclass(frozen=True)
class Verdict:
    """`findings` is empty where the invariant holds."""

    invariant: Invariant
    findings: Sequence[Finding]


async def audit(databases: Databases, *, looks: int = 5, pause_seconds: float = 2.0) -> list[Verdict]:
    """A verdict on each invariant. It is broken where the same finding is there in each of `looks` looks.

    A sound system is looked at once: the pauses are spent only on what looks wrong.
    """
    verdicts = []
    for invariant in INVARIANTS:
        findings = set(await invariant.check(databases))
        for _ in range(looks - 1):
            if not findings:
                break
            await asyncio.sleep(pause_seconds)
            findings &= set(await invariant.check(databases))
        verdicts.append(Verdict(invariant, sorted(findings)))
    return verdicts
