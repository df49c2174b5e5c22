"""Invariant 2: every reservation ends committed, released or expired."""

from __future__ import annotations

from stoa.audit.finding import Databases, Finding, Invariant

# A hold may outlive its time by one round of the job that ends it.
OVERDUE = "SELECT key FROM reservations WHERE state = 'held' AND expires_at < now() - interval '60 seconds'"

PROMISED = "SELECT key, order_id, state FROM reservations WHERE state IN ('held', 'allocated')"

ENDED_CHECKOUTS = "SELECT id, state FROM checkouts WHERE state IN ('completed', 'failed')"


async def check(databases: Databases) -> list[Finding]:
    findings = [
        Finding(row["key"], "is held although its time is over") for row in await databases["inventory"].fetch(OVERDUE)
    ]
    ended = {row["id"]: row["state"] for row in await databases["checkout"].fetch(ENDED_CHECKOUTS)}
    findings += [
        Finding(row["key"], f"is still {row['state']} although its checkout has {ended[row['key']]}")
        for row in await databases["inventory"].fetch(PROMISED)
        if row["key"] in ended
    ]
    return findings


RESERVATIONS = Invariant(2, "every reservation ends committed, released or expired", check)
