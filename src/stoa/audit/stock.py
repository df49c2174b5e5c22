"""Invariant 1: never oversold, and what is on hand is the sum of its movements."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look

OVERSOLD = "SELECT sku, warehouse_id, on_hand, reserved FROM stock WHERE reserved < 0 OR reserved > on_hand"

UNEXPLAINED = """
    SELECT stock.sku, stock.warehouse_id, stock.on_hand, coalesce(moved.quantity, 0)::bigint AS moved
    FROM stock
    LEFT JOIN (
        SELECT sku, warehouse_id, sum(quantity) AS quantity FROM stock_movements GROUP BY sku, warehouse_id
    ) AS moved USING (sku, warehouse_id)
    WHERE stock.on_hand <> coalesce(moved.quantity, 0)
"""

UNPROMISED = """
    SELECT stock.sku, stock.warehouse_id, stock.reserved, coalesce(promised.quantity, 0)::bigint AS promised
    FROM stock
    LEFT JOIN (
        SELECT line.sku, line.warehouse_id, sum(line.quantity) AS quantity
        FROM reservation_lines AS line
        JOIN reservations ON reservations.id = line.reservation_id
        WHERE reservations.state IN ('held', 'allocated')
        GROUP BY line.sku, line.warehouse_id
    ) AS promised USING (sku, warehouse_id)
    WHERE stock.reserved <> coalesce(promised.quantity, 0)
"""

SOLD_WITHOUT_STOCK = """
    SELECT order_id, detail FROM stock_discrepancies WHERE kind = 'sold_unreserved' AND settled_at IS NULL
"""


async def check(look: Look) -> Findings:
    async for row in look.rows("inventory", OVERSOLD):
        yield Finding(
            row["sku"], f"oversold in {row['warehouse_id']}: {row['reserved']} reserved of {row['on_hand']} on hand"
        )
    async for row in look.rows("inventory", UNEXPLAINED):
        yield Finding(
            row["sku"], f"{row['on_hand']} on hand in {row['warehouse_id']}, but its movements sum to {row['moved']}"
        )
    async for row in look.rows("inventory", UNPROMISED):
        yield Finding(
            row["sku"], f"{row['reserved']} reserved in {row['warehouse_id']}, but {row['promised']} are promised"
        )
    async for row in look.rows("inventory", SOLD_WITHOUT_STOCK):
        yield Finding(row["order_id"], f"was sold without stock: {row['detail']}")


STOCK = Invariant(1, "never oversold: reserved ≤ on hand, and on hand is the sum of its movements", check)
