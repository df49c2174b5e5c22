"""The SQL of how SKUs are promised. The items are locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from stoa.kit.db import Db, Transaction
from stoa.services.inventory.items import Item

# A version more for what people edit: on the item. The rows' own changes count as holds, so that it is one.
SET_POLICY = """
    WITH kept_back AS (
        UPDATE stock SET safety_stock = new.units, version = stock.version + 1, holds = stock.holds + 1
        FROM unnest($7::text[], $8::bigint[]) AS new (warehouse_id, units)
        WHERE stock.sku = $1 AND stock.warehouse_id = new.warehouse_id AND stock.safety_stock <> new.units
    )
    UPDATE items SET policy = $2, backorder_limit = $3, lead_days = $4, available_on = $5, low_stock_at = $6,
                     version = version + 1
    WHERE sku = $1
"""


async def set_policy(tx: Transaction, item: Item, safety_stock: Mapping[str, int]) -> None:
    """The item is promised so, and so much is kept back in each of these warehouses."""
    await tx.execute(
        SET_POLICY,
        item.sku,
        item.policy,
        item.backorder_limit,
        item.lead_days,
        item.available_on,
        item.low_stock_at,
        list(safety_stock),
        list(safety_stock.values()),
    )


# Somebody else's are being ended or changed there: skip them.
DUE_PREORDERS = """
    SELECT sku FROM items WHERE policy = 'preorder' AND available_on <= $1
    ORDER BY available_on, sku
    LIMIT $2
    FOR UPDATE SKIP LOCKED
"""


async def due_preorders(tx: Transaction, today: date, at_most: int) -> list[str]:
    """Locked SKUs that were to be there by now."""
    return [row["sku"] for row in await tx.fetch(DUE_PREORDERS, today, at_most)]


END_PREORDERS = """
    UPDATE items SET policy = 'none', backorder_limit = backordered, version = version + 1
    WHERE sku = ANY($1::text[])
"""


async def end_preorders(tx: Transaction, skus: Sequence[str]) -> None:
    """No more of them is promised without being on hand; what was stays promised."""
    await tx.execute(END_PREORDERS, list(skus))


NEXT_PREORDER = """
    SELECT available_on FROM items WHERE policy = 'preorder' ORDER BY available_on LIMIT 1
"""


async def next_preorder(db: Db) -> date | None:
    """The next day on which a preorder ends; None where there is none."""
    day: date | None = await db.fetchval(NEXT_PREORDER)
    return day
