"""Invariant 2: every reservation ends committed, released or expired."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, pieces
from stoa.kit.ids import is_uuid

# A hold may outlive its time by one round of the job that ends it.
OVERDUE = "SELECT key FROM reservations WHERE state = 'held' AND expires_at < now() - interval '60 seconds'"

OWED_TO_NOBODY = """
    SELECT reservations.key, reservations.state, backorders.sku
    FROM backorders JOIN reservations ON reservations.id = backorders.reservation_id
    WHERE backorders.state = 'open' AND reservations.state NOT IN ('held', 'allocated', 'committed')
"""

# What the shop's own checkouts promised: an operator's reservations have keys of another kind and end by hand.
PROMISED = "SELECT key, state, order_id FROM reservations WHERE state IN ('held', 'allocated')"

CHECKOUTS = "SELECT id, state FROM checkouts WHERE id = ANY ($1::uuid[])"

ORDERS = "SELECT id FROM orders WHERE id = ANY ($1::uuid[])"


async def check(look: Look) -> Findings:
    async for row in look.rows("inventory", OVERDUE):
        yield Finding(row["key"], "is held although its time is over")
    async for row in look.rows("inventory", OWED_TO_NOBODY):
        yield Finding(row["key"], f"has ended as {row['state']}, and {row['sku']} are still owed to it")
    async for promised in pieces(look.rows("inventory", PROMISED)):
        keys = [row["key"] for row in promised if is_uuid(row["key"])]
        state_of = {row["id"]: row["state"] for row in await look.find("checkout", CHECKOUTS, keys)}
        for row in promised:
            if state_of.get(row["key"]) in {"completed", "failed"}:
                yield Finding(row["key"], f"is still {row['state']} although its checkout has {state_of[row['key']]}")
        # What is allocated never expires: with neither a checkout nor an order, nobody will ever end it.
        lost = [row for row in promised if row["state"] == "allocated" and row["key"] not in state_of]
        orders = {row["id"] for row in await look.find("order", ORDERS, [row["order_id"] for row in lost])}
        for row in lost:
            if row["order_id"] not in orders:
                yield Finding(row["key"], f"is promised to {row['order_id']}, which is no order and of no checkout")


RESERVATIONS = Invariant(2, "every reservation ends committed, released or expired", check)
