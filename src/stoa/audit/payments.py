"""Invariant 3: every captured payment has exactly one order or a full refund, and the ledger sums to zero."""

from __future__ import annotations

from collections import Counter

from stoa.audit.finding import Databases, Finding, Invariant

PAYMENTS = """
    SELECT id, order_id, state, amount_minor, refunded_minor, currency FROM payments WHERE order_id IS NOT NULL
"""

ORDERS = "SELECT id, payment_id, status, confirmed_at IS NOT NULL AS confirmed, refund_due_minor FROM orders"

UNBALANCED = """
    SELECT transaction_id, currency, sum(amount_minor)::bigint AS off FROM ledger
    GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0
"""

# What the ledger says was taken and given back, beside what the payment's own row says.
MISBOOKED = """
    SELECT payments.id, payments.state, payments.amount_minor, payments.refunded_minor,
           coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'captured'), 0)::bigint AS captured,
           coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'refunded'), 0)::bigint AS refunded,
           coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'authorized'), 0)::bigint AS authorized
    FROM payments LEFT JOIN ledger ON ledger.payment_id = payments.id
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
    WHERE CASE coalesce(ours.state, 'none')
            WHEN 'authorized' THEN theirs.status IS DISTINCT FROM 'authorized'
            WHEN 'captured' THEN theirs.status IS DISTINCT FROM 'captured'
            WHEN 'partially_refunded' THEN theirs.status IS DISTINCT FROM 'captured'
            WHEN 'refunded' THEN theirs.status IS DISTINCT FROM 'captured'
            WHEN 'unknown' THEN true
            WHEN 'capture_unknown' THEN true
            ELSE coalesce(theirs.status, 'none') IN ('authorized', 'captured') END
       OR coalesce(ours.refunded_minor, 0) <> coalesce(theirs.refunded_minor, 0)
"""

PAID = {"captured", "partially_refunded", "refunded"}


async def check(databases: Databases) -> list[Finding]:
    payment = databases["payment"]
    orders = {row["id"]: row for row in await databases["order"].fetch(ORDERS)}
    findings: list[Finding] = []
    paid_of = Counter[str]()
    for row in await payment.fetch(PAYMENTS):
        kept = row["amount_minor"] - row["refunded_minor"]
        order = orders.get(row["order_id"])
        if row["state"] not in PAID:
            continue
        if kept == 0:
            continue
        paid_of[row["order_id"]] += 1
        if order is None or not order["confirmed"] or order["payment_id"] != row["id"]:
            findings.append(Finding(row["id"], f"took {kept} {row['currency']} without a confirmed order"))
        elif order["status"] == "canceled":
            findings.append(Finding(row["id"], f"keeps {kept} {row['currency']} of the canceled order {order['id']}"))
        elif row["refunded_minor"] < order["refund_due_minor"]:
            # More than is due is the shop's own business: staff may refund by hand.
            findings.append(
                Finding(row["id"], f"gave back {row['refunded_minor']} of {order['refund_due_minor']} that are due")
            )
    findings += [Finding(order, f"was paid {times} times") for order, times in paid_of.items() if times > 1]
    findings += [
        Finding(row["transaction_id"], f"of the ledger is off by {row['off']} {row['currency']}")
        for row in await payment.fetch(UNBALANCED)
    ]
    findings += [
        Finding(
            row["id"],
            f"is {row['state']} with {row['amount_minor']} taken and {row['refunded_minor']} given back, "
            f"but the ledger has {row['captured']} captured, {row['refunded']} refunded "
            f"and {row['authorized']} authorized",
        )
        for row in await payment.fetch(MISBOOKED)
    ]
    findings += [
        Finding(
            row["key"],
            f"is {row['state']} here with {row['refunded_minor']} given back, "
            f"and {row['status']} at the provider with {row['refunded_there']}",
        )
        for row in await payment.fetch(UNRECONCILED)
    ]
    return findings


PAYMENTS_INVARIANT = Invariant(
    3, "every captured payment has exactly one order or a full refund; the ledger sums to zero", check
)
