"""Invariant 2: every reservation ends committed, released or expired."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, pieces
from stoa.kit.ids import is_uuid

# A hold may outlive its time by one round of the job that ends it.
OVERDUE = "SELECT key FROM reservations WHERE state = 'held' AND expires_at < now() - interval '60 seconds'"

# What the shop's own checkouts promised: an operator's reservations have keys of another kind and end by hand.
PROMISED = "SELECT key, state FROM reservations WHERE state IN ('held', 'allocated')"

ENDED_CHECKOUTS = "SELECT id, state FROM checkouts WHERE id = ANY ($1::uuid[]) AND state IN ('completed', 'failed')"


async def check(look: Look) -> Findings:
    async for row in look.rows("inventory", OVERDUE):
        yield Finding(row["key"], "is held although its time is over")
    async for promised in pieces(look.rows("inventory", PROMISED)):
        state_of = {row["key"]: row["state"] for row in promised if is_uuid(row["key"])}
        for checkout in await look.find("checkout", ENDED_CHECKOUTS, list(state_of)):
            key = checkout["id"]
            yield Finding(key, f"is still {state_of[key]} although its checkout has {checkout['state']}")


RESERVATIONS = Invariant(2, "every reservation ends committed, released or expired", check)
