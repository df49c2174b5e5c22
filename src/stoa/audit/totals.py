"""Invariant 6: an order's parts add up to its total, and its total is what was captured."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, side_by_side

MISADDED = """
    SELECT orders.id, orders.subtotal_minor, orders.discount_minor, orders.shipping_minor, orders.tax_minor,
           orders.total_minor, lines.subtotal, lines.discount, lines.tax
    FROM orders JOIN (
        SELECT order_id, sum(unit_price_minor * quantity)::bigint AS subtotal, sum(discount_minor)::bigint AS discount,
               sum(tax_minor)::bigint AS tax
        FROM order_items WHERE order_id >= $1 GROUP BY order_id
    ) AS lines ON lines.order_id = orders.id
    WHERE orders.total_minor <> orders.subtotal_minor - orders.discount_minor + orders.shipping_minor
                                + CASE WHEN orders.tax_included THEN 0 ELSE orders.tax_minor END
       OR orders.subtotal_minor <> lines.subtotal OR orders.discount_minor <> lines.discount
       OR lines.tax > orders.tax_minor
       OR orders.tax_included AND orders.tax_minor > orders.total_minor
       OR orders.taxes <> '[]' AND orders.tax_minor <> (
           SELECT sum((due ->> 'amount_minor')::bigint) FROM jsonb_array_elements(orders.taxes) AS one (due)
       )
"""

# Units that are back, and units that are asked for: as a line counts them, and as its returns do.
MISCOUNTED = """
    SELECT item.order_id, item.sku, item.returned_quantity, item.requested_quantity,
           coalesce(back.received, 0)::bigint AS received, coalesce(back.asked, 0)::bigint AS asked
    FROM order_items AS item LEFT JOIN (
        SELECT returns.order_id, line.sku,
               sum(coalesce(line.received_quantity, line.quantity)) FILTER (WHERE status = 'received') AS received,
               sum(line.quantity) FILTER (WHERE status IN ('requested', 'approved')) AS asked
        FROM returns JOIN return_items AS line ON line.return_id = returns.id
        WHERE returns.order_id >= $1 GROUP BY returns.order_id, line.sku
    ) AS back ON back.order_id = item.order_id AND back.sku = item.sku
    WHERE item.order_id >= $1 AND (item.returned_quantity <> coalesce(back.received, 0)
       OR item.requested_quantity <> coalesce(back.asked, 0))
"""

# Units that have left: as a line counts them, and as the order's parcels do.
MISSENT = """
    SELECT item.order_id, item.sku, item.shipped_quantity, coalesce(sent.quantity, 0)::bigint AS sent
    FROM order_items AS item LEFT JOIN (
        SELECT shipments.order_id, packed.sku, sum(packed.quantity) AS quantity
        FROM shipments JOIN shipment_items AS packed ON packed.shipment_id = shipments.id
        WHERE shipments.order_id >= $1 GROUP BY shipments.order_id, packed.sku
    ) AS sent ON sent.order_id = item.order_id AND sent.sku = item.sku
    WHERE item.order_id >= $1 AND item.shipped_quantity <> coalesce(sent.quantity, 0)
"""

# Units that were called off: as a line counts them, and as the order's cancellations do. One canceled whole has none.
MISCANCELED = """
    SELECT item.order_id, item.sku, item.canceled_quantity, coalesce(off.quantity, 0)::bigint AS off
    FROM order_items AS item JOIN orders ON orders.id = item.order_id LEFT JOIN (
        SELECT cancellations.order_id, line.sku, sum(line.quantity) AS quantity
        FROM cancellations JOIN cancellation_items AS line ON line.cancellation_id = cancellations.id
        WHERE cancellations.order_id >= $1 GROUP BY cancellations.order_id, line.sku
    ) AS off ON off.order_id = item.order_id AND off.sku = item.sku
    WHERE item.order_id >= $1
      AND item.canceled_quantity
          <> CASE orders.status WHEN 'canceled' THEN item.quantity ELSE coalesce(off.quantity, 0) END
"""

TOTALS = """
    SELECT id AS key, total_minor, currency FROM orders WHERE confirmed_at IS NOT NULL AND id >= $1 ORDER BY id
"""

CAPTURED = """
    SELECT order_id AS key, sum(amount_minor)::bigint AS amount_minor, min(currency) AS currency FROM payments
    WHERE state IN ('captured', 'partially_refunded', 'refunded') AND order_id >= $1
    GROUP BY order_id ORDER BY order_id
"""


async def check(look: Look) -> Findings:
    async for row in look.rows("order", MISADDED, look.since):
        yield Finding(row["id"], f"does not add up: {dict(row)}")
    async for row in look.rows("order", MISCOUNTED, look.since):
        yield Finding(
            row["order_id"],
            f"counts {row['returned_quantity']} {row['sku']} back and {row['requested_quantity']} asked for, "
            f"and its returns {row['received']} and {row['asked']}",
        )
    async for row in look.rows("order", MISSENT, look.since):
        yield Finding(
            row["order_id"], f"counts {row['shipped_quantity']} {row['sku']} sent, and its parcels {row['sent']}"
        )
    async for row in look.rows("order", MISCANCELED, look.since):
        yield Finding(
            row["order_id"],
            f"counts {row['canceled_quantity']} {row['sku']} called off, and its cancellations {row['off']}",
        )
    totals, captured = look.rows("order", TOTALS, look.since), look.rows("payment", CAPTURED, look.since)
    async for order_id, (orders, payments) in side_by_side(totals, captured):
        for order in orders:
            due = f"{order['total_minor']} {order['currency']}"
            if not payments:
                if order["total_minor"]:
                    yield Finding(order_id, f"is confirmed for {due} and unpaid")
                continue
            taken = f"{payments[0]['amount_minor']} {payments[0]['currency']}"
            if taken != due:
                yield Finding(order_id, f"comes to {due}, but {taken} were captured")


TOTALS_INVARIANT = Invariant(6, "an order's parts add up to its total, which is what was captured", check)
