"""Invariant 6: an order's parts add up to its total, and its total is what was captured."""

from __future__ import annotations

from stoa.audit.finding import Databases, Finding, Invariant

MISADDED = """
    SELECT orders.id, orders.subtotal_minor, orders.discount_minor, orders.shipping_minor, orders.tax_minor,
           orders.total_minor, lines.subtotal, lines.discount, lines.tax
    FROM orders JOIN (
        SELECT order_id, sum(unit_price_minor * quantity)::bigint AS subtotal, sum(discount_minor)::bigint AS discount,
               sum(tax_minor)::bigint AS tax
        FROM order_items GROUP BY order_id
    ) AS lines ON lines.order_id = orders.id
    WHERE orders.total_minor <> orders.subtotal_minor - orders.discount_minor + orders.shipping_minor + orders.tax_minor
       OR orders.subtotal_minor <> lines.subtotal OR orders.discount_minor <> lines.discount
       OR lines.tax > orders.tax_minor
"""

TOTALS = "SELECT id, total_minor, currency FROM orders WHERE confirmed_at IS NOT NULL"

CAPTURED = """
    SELECT order_id, sum(amount_minor)::bigint AS amount_minor, min(currency) AS currency FROM payments
    WHERE state IN ('captured', 'partially_refunded', 'refunded') GROUP BY order_id
"""


async def check(databases: Databases) -> list[Finding]:
    findings = [Finding(row["id"], f"does not add up: {dict(row)}") for row in await databases["order"].fetch(MISADDED)]
    captured = {row["order_id"]: row for row in await databases["payment"].fetch(CAPTURED)}
    for row in await databases["order"].fetch(TOTALS):
        paid = captured.get(row["id"])
        if paid is None:
            if row["total_minor"]:
                findings.append(
                    Finding(row["id"], f"is confirmed for {row['total_minor']} {row['currency']} and unpaid")
                )
        elif (paid["amount_minor"], paid["currency"]) != (row["total_minor"], row["currency"]):
            findings.append(
                Finding(
                    row["id"],
                    f"comes to {row['total_minor']} {row['currency']}, "
                    f"but {paid['amount_minor']} {paid['currency']} were captured",
                )
            )
    return findings


TOTALS_INVARIANT = Invariant(6, "an order's parts add up to its total, which is what was captured", check)
