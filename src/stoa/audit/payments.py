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
    SELECT id AS key, payment_id, status, confirmed_at IS NOT NULL AS confirmed, refund_due_minor, settled_minor
    FROM orders WHERE id >= $1 ORDER BY id
"""

# Orders of which an operator gave up an event on its way to payment: what it should have given back is not due.
DISCARDED = """
    SELECT before ->> 'of' AS of FROM staff_acts WHERE act = 'event.discarded' AND before ->> 'recipient' = 'payment'
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
    FROM payments LEFT JOIN ledger ON ledger.payment_id = payments.id AND ledger.payment_id >= $1
    WHERE payments.id >= $1
    GROUP BY payments.id
    HAVING coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'captured'), 0)
        <> CASE WHEN payments.state IN ('captured', 'partially_refunded', 'refunded')
                THEN payments.amount_minor - payments.refunded_minor ELSE 0 END
        OR coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'refunded'), 0) <> payments.refunded_minor
        OR coalesce(sum(ledger.amount_minor) FILTER (WHERE ledger.account = 'authorized'), 0)
        <> CASE WHEN payments.state IN ('authorized', 'capture_unknown') THEN payments.amount_minor ELSE 0 END
"""

# The simulator's own memory beside ours. An authorization or a capture may be with the provider alone for a moment
# only: one whose process was killed before it was written down is found until its checkout is resumed.
UNRECONCILED = """
    SELECT coalesce(ours.key, theirs.key) AS key, ours.state, theirs.status,
           ours.refunded_minor, theirs.refunded_minor AS refunded_there
    FROM (SELECT * FROM payments WHERE provider = 'simulator') AS ours
    FULL JOIN simulator.payments AS theirs ON theirs.key = ours.key
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


# What the provider took and has not given back of each order: by the simulator's own memory, and by our rows where the
# payment is with another, whose memory is not here.
PROVIDER_NET = """
    SELECT order_id COLLATE "C" AS key, sum(amount_minor - refunded_minor)::bigint AS net_minor
    FROM (
        SELECT order_id, amount_minor, refunded_minor FROM simulator.payments
        WHERE status = 'captured' AND order_id >= $1::text
        UNION ALL
        SELECT order_id::text, amount_minor, refunded_minor FROM payments
        WHERE provider <> 'simulator' AND state IN ('captured', 'partially_refunded', 'refunded')
          AND order_id >= $1::text::uuid
    ) AS taken
    GROUP BY order_id ORDER BY 1
"""

# What an order believes that the shop keeps of its payment.
KEPT = """
    SELECT orders.id AS key, orders.total_minor - coalesce(payments.refunded_minor, 0) AS kept_minor
    FROM orders LEFT JOIN payments ON payments.id = orders.payment_id
    WHERE orders.confirmed_at IS NOT NULL AND orders.payment_id IS NOT NULL AND orders.id >= $1 ORDER BY orders.id
"""

# On which version of its payment an order was shipped, and from which version on nothing of the payment was left.
SHIPPED = """
    SELECT order_id AS key, payment_version FROM shipments
    WHERE payment_version IS NOT NULL AND order_id >= $1 ORDER BY order_id
"""
GIVEN_BACK = """
    SELECT payments.order_id AS key, max(refunds.asked_version) AS from_version
    FROM payments JOIN refunds ON refunds.payment_id = payments.id AND refunds.state <> 'failed'
    WHERE payments.order_id >= $1 GROUP BY payments.id
    HAVING sum(refunds.amount_minor) = payments.amount_minor AND bool_and(refunds.asked_version IS NOT NULL)
    ORDER BY payments.order_id
"""


async def check(look: Look) -> Findings:
    for part in (_kept, _shipped, _provider, _booked):
        async for finding in part(look):
            yield finding


async def _kept(look: Look) -> Findings:
    given_up = {row["of"] for name in ("order", "payment") for row in await look.find(name, DISCARDED)}
    paid, placed = look.rows("payment", PAYMENTS, look.since), look.rows("order", ORDERS, look.since)
    async for order_id, (payments, orders) in side_by_side(paid, placed):
        order = orders[0] if orders else None
        for payment in payments:
            kept = f"{payment['kept_minor']} {payment['currency']}"
            if order is None or not order["confirmed"] or order["payment_id"] != payment["id"]:
                yield Finding(payment["id"], f"took {kept} without a confirmed order")
            elif order_id in given_up:
                continue
            elif order["status"] == "canceled" and payment["kept_minor"] > order["settled_minor"]:
                yield Finding(payment["id"], f"keeps {kept} of the canceled order {order_id}")
            elif payment["refunded_minor"] < order["refund_due_minor"]:
                # More than is due is the shop's own business: staff may refund by hand.
                yield Finding(
                    payment["id"], f"gave back {payment['refunded_minor']} of {order['refund_due_minor']} that are due"
                )
        if len(payments) > 1:
            yield Finding(order_id, f"was paid {len(payments)} times")


async def _shipped(look: Look) -> Findings:
    shipped, given_back = look.rows("order", SHIPPED, look.since), look.rows("payment", GIVEN_BACK, look.since)
    async for order_id, (parcels, payments) in side_by_side(shipped, given_back):
        for parcel in parcels:
            if any(payment["from_version"] <= parcel["payment_version"] for payment in payments):
                yield Finding(order_id, "was shipped although nothing of its payment was left")


async def _provider(look: Look) -> Findings:
    there, here = look.rows("payment", PROVIDER_NET, look.since), look.rows("order", KEPT, look.since)
    async for order_id, (provider, orders) in side_by_side(there, here):
        net = sum(row["net_minor"] for row in provider)
        kept = sum(row["kept_minor"] for row in orders)
        if net != kept:
            yield Finding(order_id, f"keeps {kept} of its payment, and the provider has {net} of it")


async def _booked(look: Look) -> Findings:
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
