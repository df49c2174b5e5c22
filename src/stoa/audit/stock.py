"""Invariant 1: never oversold, what is on hand is the sum of its movements, and who sells it counts it."""

from __future__ import annotations

import asyncpg

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, side_by_side

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

KEEPERS = 'SELECT sku AS key, seller_id FROM owners ORDER BY sku COLLATE "C"'

SELLERS = """
    SELECT variants.sku AS key, products.seller_id FROM variants JOIN products ON products.id = variants.product_id
    ORDER BY variants.sku COLLATE "C"
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
    async for sku, (keepers, sellers) in side_by_side(look.rows("inventory", KEEPERS), look.rows("catalog", SELLERS)):
        # Nobody counts what inventory was not told of before it has asked.
        if keepers and [row["seller_id"] for row in keepers] != [row["seller_id"] for row in sellers]:
            sold_by = f"sold by {_who(sellers[0])}" if sellers else "no product's"
            yield Finding(sku, f"may be counted by {_who(keepers[0])}, but is {sold_by}")


def _who(row: asyncpg.Record) -> str:
    return f"the seller {row['seller_id']}" if row["seller_id"] else "the shop"


STOCK = Invariant(
    1, "never oversold: reserved ≤ on hand, which is the sum of its movements; whoever sells it counts it", check
)
