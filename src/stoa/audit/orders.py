"""Invariant 4: exactly one order per idempotency key, and one payment per order and attempt."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, side_by_side

CHECKOUTS = "SELECT id AS key, state FROM checkouts WHERE id >= $1 ORDER BY id"

MADE = """
    SELECT checkouts.id AS key, orders.id AS order_id, orders.status, orders.confirmed_at IS NOT NULL AS confirmed
    FROM checkouts JOIN orders ON orders.id = checkouts.order_id WHERE checkouts.id >= $1 ORDER BY checkouts.id
"""

TWICE_ORDERED = """
    SELECT key, count(*) AS orders FROM checkouts
    WHERE state = 'completed' AND key IS NOT NULL AND id >= $1 GROUP BY scope, key HAVING count(*) > 1
"""

STRAY = """
    SELECT id FROM orders
    WHERE id >= $1 AND NOT EXISTS (SELECT FROM checkouts WHERE checkouts.order_id = orders.id)
"""

TWICE_ATTEMPTED = """
    SELECT order_id, attempt, count(*) AS payments FROM payments WHERE order_id >= $1
    GROUP BY order_id, attempt HAVING count(*) > 1
"""


async def check(look: Look) -> Findings:
    checkouts, made = look.rows("checkout", CHECKOUTS, look.since), look.rows("order", MADE, look.since)
    async for checkout_id, (begun, orders) in side_by_side(checkouts, made):
        order = orders[0] if orders else None
        if not begun:
            yield Finding(checkout_id, "made an order, but no such checkout is known")
            continue
        state = begun[0]["state"]
        if state == "completed" and (order is None or not order["confirmed"]):
            yield Finding(checkout_id, "completed, but there is no confirmed order of it")
        if state == "failed" and order is not None and order["status"] != "canceled":
            yield Finding(checkout_id, f"failed, but its order {order['order_id']} is {order['status']}")
        if state == "needs_attention":
            yield Finding(checkout_id, "needs attention: it could be neither finished nor undone")
    async for row in look.rows("checkout", TWICE_ORDERED, look.since):
        yield Finding(row["key"], f"made {row['orders']} orders")
    async for row in look.rows("order", STRAY, look.since):
        yield Finding(row["id"], "is an order of no checkout")
    async for row in look.rows("payment", TWICE_ATTEMPTED, look.since):
        yield Finding(row["order_id"], f"has {row['payments']} payments for its attempt {row['attempt']}")


ORDERS = Invariant(4, "exactly one order per idempotency key, one payment per order and attempt", check)
