"""Invariant 1: never oversold, what is on hand is the sum of its movements, what is owed is within its limit, and who
sells it counts it."""

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

OWED = """
    SELECT items.sku, items.backordered, items.backorder_limit, coalesce(open.quantity, 0)::bigint AS owed
    FROM items
    LEFT JOIN (
        SELECT sku, sum(quantity - filled) AS quantity FROM backorders WHERE state = 'open' GROUP BY sku
    ) AS open USING (sku)
    WHERE items.backordered <> coalesce(open.quantity, 0) OR items.backordered > items.backorder_limit
"""

# What arrives is given to them in the transaction that brings it.
WAITS_FOR_NOTHING = """
    SELECT sku, sum(greatest(stock.on_hand - stock.reserved - stock.safety_stock, 0))::bigint AS sellable
    FROM items JOIN stock USING (sku)
    WHERE items.backordered > 0
    GROUP BY sku HAVING sum(greatest(stock.on_hand - stock.reserved - stock.safety_stock, 0)) > 0
"""

# What left, came and was written off by a transfer, beside what its lines say. What came is received, lost or back.
TRANSFERRED = """
    SELECT coalesce(line.transfer_id, moved.document_id) AS id, coalesce(line.sku, moved.sku) AS sku,
           coalesce(line.sent, 0) AS sent, coalesce(moved.out, 0) AS out,
           coalesce(line.received + line.lost + line.returned, 0) AS arrived, coalesce(moved.came, 0) AS came,
           coalesce(line.lost, 0) AS lost, coalesce(moved.written_off, 0) AS written_off
    FROM transfer_lines AS line
    FULL JOIN (
        SELECT document_id, sku,
               coalesce(-sum(quantity) FILTER (WHERE kind = 'transfer_out'), 0)::bigint AS out,
               coalesce(sum(quantity) FILTER (WHERE kind = 'transfer_in'), 0)::bigint AS came,
               coalesce(-sum(quantity) FILTER (WHERE kind = 'write_off'), 0)::bigint AS written_off
        FROM stock_movements WHERE kind IN ('transfer_out', 'transfer_in', 'write_off')
        GROUP BY document_id, sku
    ) AS moved ON moved.document_id = line.transfer_id AND moved.sku = line.sku
    WHERE (coalesce(line.sent, 0), coalesce(line.received + line.lost + line.returned, 0), coalesce(line.lost, 0))
       <> (coalesce(moved.out, 0), coalesce(moved.came, 0), coalesce(moved.written_off, 0))
"""

# What came by a receipt, and what a count found more or less, beside its movements. A count books what differs.
RECEIVED = """
    SELECT coalesce(line.id, moved.document_id) AS id, coalesce(line.sku, moved.sku) AS sku,
           coalesce(line.booked, 0) AS booked, coalesce(moved.quantity, 0)::bigint AS moved
    FROM (
        SELECT receipt_id AS id, sku, received AS booked FROM receipt_lines
        UNION ALL
        SELECT count_id, sku, difference FROM stock_count_lines WHERE applied_at IS NOT NULL
    ) AS line
    FULL JOIN (
        SELECT document_id, sku, sum(quantity) AS quantity FROM stock_movements
        WHERE kind IN ('opening', 'receipt', 'adjustment') AND document_id IS NOT NULL
        GROUP BY document_id, sku
    ) AS moved ON moved.document_id = line.id AND moved.sku = line.sku
    WHERE coalesce(line.booked, 0) <> coalesce(moved.quantity, 0)
"""

# What is on its way to a warehouse, of suppliers and of other warehouses, beside what is noted on its stock.
INCOMING = """
    SELECT sku, warehouse_id, coalesce(stock.incoming, 0) AS incoming, coalesce(coming.quantity, 0)::bigint AS coming
    FROM stock
    FULL JOIN (
        SELECT sku, warehouse_id, sum(quantity) AS quantity
        FROM (
            SELECT line.sku, receipts.warehouse_id, line.incoming AS quantity
            FROM receipt_lines AS line JOIN receipts ON receipts.id = line.receipt_id WHERE line.incoming > 0
            UNION ALL
            SELECT line.sku, transfers.destination, line.on_the_way
            FROM transfer_lines AS line JOIN transfers ON transfers.id = line.transfer_id WHERE line.on_the_way > 0
        ) AS document
        GROUP BY sku, warehouse_id
    ) AS coming USING (sku, warehouse_id)
    WHERE coalesce(stock.incoming, 0) <> coalesce(coming.quantity, 0)
"""

# A document in a state that its lines do not have.
UNENDED = """
    SELECT transfers.id, 'transfer' AS what, transfers.state, sum(line.on_the_way)::bigint AS left
    FROM transfers JOIN transfer_lines AS line ON line.transfer_id = transfers.id
    GROUP BY transfers.id HAVING (sum(line.on_the_way) > 0) <> (transfers.state = 'sent')
    UNION ALL
    SELECT receipts.id, 'receipt', receipts.state, sum(line.incoming)::bigint
    FROM receipts JOIN receipt_lines AS line ON line.receipt_id = receipts.id
    GROUP BY receipts.id HAVING (sum(line.incoming) > 0) <> (receipts.state = 'expected')
"""

# A closed warehouse with goods in it or on their way to it, or with a document that is not at its end.
NOT_EMPTY = """
    SELECT warehouses.id, found.what FROM warehouses
    CROSS JOIN LATERAL (
        SELECT 'goods' AS what FROM stock WHERE warehouse_id = warehouses.id AND (on_hand > 0 OR incoming > 0)
        UNION
        SELECT 'a transfer' FROM transfers
        WHERE warehouses.id IN (source, destination) AND state IN ('draft', 'sent')
        UNION
        SELECT 'a receipt' FROM receipts WHERE warehouse_id = warehouses.id AND state = 'expected'
        UNION
        SELECT 'a count' FROM stock_counts WHERE warehouse_id = warehouses.id AND state = 'open'
    ) AS found
    WHERE warehouses.closed_at IS NOT NULL
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
    async for row in look.rows("inventory", OWED):
        yield Finding(
            row["sku"],
            f"{row['backordered']} promised without being on hand, of {row['backorder_limit']} that may be, "
            f"but its backorders sum to {row['owed']}",
        )
    async for row in look.rows("inventory", WAITS_FOR_NOTHING):
        yield Finding(row["sku"], f"somebody waits for it, and {row['sellable']} are free")
    async for finding in _of_documents(look):
        yield finding
    async for row in look.rows("inventory", SOLD_WITHOUT_STOCK):
        yield Finding(row["order_id"], f"was sold without stock: {row['detail']}")
    async for sku, (keepers, sellers) in side_by_side(look.rows("inventory", KEEPERS), look.rows("catalog", SELLERS)):
        # Nobody counts what inventory was not told of before it has asked.
        if keepers and [row["seller_id"] for row in keepers] != [row["seller_id"] for row in sellers]:
            sold_by = f"sold by {_who(sellers[0])}" if sellers else "no product's"
            yield Finding(sku, f"may be counted by {_who(keepers[0])}, but is {sold_by}")


async def _of_documents(look: Look) -> Findings:
    async for row in look.rows("inventory", TRANSFERRED):
        yield Finding(
            row["id"],
            f"has sent {row['sent']} of {row['sku']}, {row['arrived']} arrived and {row['lost']} of these were lost, "
            f"but by its movements {row['out']} left, {row['came']} came and {row['written_off']} were written off",
        )
    async for row in look.rows("inventory", RECEIVED):
        yield Finding(row["id"], f"has booked {row['booked']} of {row['sku']}, but its movements sum to {row['moved']}")
    async for row in look.rows("inventory", INCOMING):
        yield Finding(
            row["sku"], f"{row['incoming']} are to come to {row['warehouse_id']}, but {row['coming']} by its documents"
        )
    async for row in look.rows("inventory", UNENDED):
        yield Finding(row["id"], f"is {_a(row['state'])} {row['what']} of which {row['left']} are still to come")
    async for row in look.rows("inventory", NOT_EMPTY):
        yield Finding(row["id"], f"is closed, and there is {row['what']} in it or for it")


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _who(row: asyncpg.Record) -> str:
    return f"the seller {row['seller_id']}" if row["seller_id"] else "the shop"


STOCK = Invariant(
    1,
    "never oversold: reserved ≤ on hand, which is the sum of its movements; backorders are within their limit; "
    "whoever sells it counts it",
    check,
)
