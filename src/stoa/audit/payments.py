"""Invariant 3: every captured payment has exactly one order or a full refund, and the ledger sums to zero."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, side_by_side

# What keeps money of a customer.
PAYMENTS = """
    SELECT order_id AS key, id, amount_minor - refunded_minor AS kept_minor, refunded_minor, currency FROM payments
    WHERE state IN ('captured', 'partially_refunded', 'refunded') AND amount_minor > refunded_minor AND order_id >= $1
    ORDER BY order_id
"""

ORDERS = """
    SELECT id AS key, payment_id, status, confirmed_at IS NOT NULL AS confirmed, refund_due_minor FROM orders
    WHERE id >= $1 ORDER BY id
"""

UNBALANCED = """
    SELECT transaction_id, currency, sum(amount_minor)::bigint AS off FROM ledger
    WHERE transaction_id >= $1 GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0
"""

# What the ledger says was taken and given back, beside what the payment's own row says.
MISBOOKED = """
    SELECT payments.id, payments.state, payments.amount_minor, payments.refunded_minor,
           coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'captured'), 0)::bigint AS captured,
           coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'refunded'), 0)::bigint AS refunded,
           coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'authorized'), 0)::bigint AS authorized
    FROM payments LEFT JOIN ledger ON ledger.payment_id = payments.id
    WHERE payments.id >= $1
    GROUP BY payments.id
    HAVING coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'captured'), 0)
        <> CASE WHEN payments.state IN ('captured', 'partially_refunded', 'refunded')
                THEN payments.amount_minor - payments.refunded_minor ELSE 0 END
        OR coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'refunded'), 0) <> payments.refunded_minor
        OR coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'authorized'), 0)
        <> CASE WHEN payments.state IN ('authorized', 'capture_unknown') THEN payments.amount_minor ELSE 0 END
"""

# The provider's own memory beside ours. An authorization may be with the provider alone for a moment only.
UNRECONCILED = """
    SELECT coalesce(ours.key, theirs.key) AS key, ours.state, theirs.status,
           ours.refunded_minor, theirs.refunded_minor AS refunded_there
    FROM payments AS ours FULL JOIN simulator.payments AS theirs ON theirs.key = ours.key
    WHERE (coalesce(ours.order_id::text, theirs.order_id) >= $1::text OR ours.order_id IS NULL) AND (
          CASE coalesce(ours.state, 'none')
            WHEN 'authorized' THEN theirs.status IS DISTINCT FROM 'authorized'
            WHEN 'captured' THEN theirs.status IS DISTINCT FROM 'captured'
            WHEN 'partially_refunded' THEN theirs.status IS DISTINCT FROM 'captured'
            WHEN 'refunded' THEN theirs.status IS DISTINCT FROM 'captured'
            WHEN 'unknown' THEN true
            WHEN 'capture_unknown' THEN true
            ELSE coalesce(theirs.status, 'none') IN ('authorized', 'captured') END
       OR coalesce(ours.refunded_minor, 0) <> coalesce(theirs.refunded_minor, 0))
"""


async def check(look: Look) -> Findings:
    paid, placed = look.rows("payment", PAYMENTS, look.since), look.rows("order", ORDERS, look.since)
    async for order_id, (payments, orders) in side_by_side(paid, placed):
        order = orders[0] if orders else None
        for payment in payments:
            kept = f"{payment['kept_minor']} {payment['currency']}"
            if order is None or not order["confirmed"] or order["payment_id"] != payment["id"]:
                yield Finding(payment["id"], f"took {kept} without a confirmed order")
            elif order["status"] == "canceled":
                yield Finding(payment["id"], f"keeps {kept} of the canceled order {order_id}")
            elif payment["refunded_minor"] < order["refund_due_minor"]:
                # More than is due is the shop's own business: staff may refund by hand.
                yield Finding(
                    payment["id"], f"gave back {payment['refunded_minor']} of {order['refund_due_minor']} that are due"
                )
        if len(payments) > 1:
            yield Finding(order_id, f"was paid {len(payments)} times")
    async for row in look.rows("payment", UNBALANCED, look.since):
        yield Finding(row["transaction_id"], f"of the ledger is off by {row['off']} {row['currency']}")
    async for row in look.rows("payment", MISBOOKED, look.since):
        yield Finding(
            row["id"],
            f"is {row['state']} with {row['amount_minor']} taken and {row['refunded_minor']} given back, "
            f"but the ledger has {row['captured']} captured, {row['refunded']} refunded "
            f"and {row['authorized']} authorized",
        )
    async for row in look.rows("payment", UNRECONCILED, look.since):
        yield Finding(
            row["key"],
            f"is {row['state']} here with {row['refunded_minor']} given back, "
            f"and {row['status']} at the provider with {row['refunded_there']}",
        )


PAYMENTS_INVARIANT = Invariant(
    3, "every captured payment has exactly one order or a full refund; the ledger sums to zero", check
)
