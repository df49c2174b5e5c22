"""Invariant 4: exactly one order per idempotency key, and one payment per order and attempt."""

from __future__ import annotations

from collections import Counter

from stoa.audit.finding import Databases, Finding, Invariant

CHECKOUTS = "SELECT id, scope, key, state FROM checkouts"

MADE = "SELECT checkouts.id, orders.id AS order_id, orders.status, orders.confirmed_at IS NOT NULL AS confirmed \
FROM checkouts JOIN orders ON orders.id = checkouts.order_id"

STRAY = "SELECT id FROM orders WHERE NOT EXISTS (SELECT FROM checkouts WHERE checkouts.order_id = orders.id)"

TWICE_ATTEMPTED = """
    SELECT order_id, attempt, count(*) AS payments FROM payments WHERE order_id IS NOT NULL
    GROUP BY order_id, attempt HAVING count(*) > 1
"""


async def check(databases: Databases) -> list[Finding]:
    findings: list[Finding] = []
    made = {row["id"]: row for row in await databases["order"].fetch(MADE)}
    keys = Counter[tuple[str, str]]()
    known = set()
    for row in await databases["checkout"].fetch(CHECKOUTS):
        known.add(row["id"])
        order = made.get(row["id"])
        confirmed = order is not None and order["confirmed"]
        if confirmed and row["key"] is not None:
            keys[row["scope"], row["key"]] += 1
        if row["state"] == "completed" and not confirmed:
            findings.append(Finding(row["id"], "completed, but there is no confirmed order of it"))
        if row["state"] == "failed" and order is not None and order["status"] != "canceled":
            findings.append(Finding(row["id"], f"failed, but its order {order['order_id']} is {order['status']}"))
        if row["state"] == "needs_attention":
            findings.append(Finding(row["id"], "needs attention: it could be neither finished nor undone"))
    findings += [Finding(key, f"made {count} orders") for (_, key), count in keys.items() if count > 1]
    findings += [Finding(checkout, "made an order, but no such checkout is known") for checkout in made.keys() - known]
    findings += [Finding(row["id"], "is an order of no checkout") for row in await databases["order"].fetch(STRAY)]
    findings += [
        Finding(row["order_id"], f"has {row['payments']} payments for its attempt {row['attempt']}")
        for row in await databases["payment"].fetch(TWICE_ATTEMPTED)
    ]
    return findings


ORDERS = Invariant(4, "exactly one order per idempotency key, one payment per order and attempt", check)
