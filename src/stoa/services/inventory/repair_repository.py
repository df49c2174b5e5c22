"""The SQL of repairs: where the counters differ from what they count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stoa.kit.db import Database, Db, Transaction
from stoa.services.inventory.stock_rows import StockChange


class Wrong(NamedTuple):
    """A row of stock whose `on_hand` is not what its movements sum to, or whose `reserved` is not what is promised."""

    sku: str
    warehouse_id: str
    version: int
    on_hand: int
    reserved: int
    moved: int
    promised: int


# Reading a million rows takes longer than any request may.
_UNHURRIED = "SET LOCAL statement_timeout = 0; SET LOCAL plan_cache_mode = auto; SET LOCAL enable_seqscan = on"

SKUS_AFTER = "SELECT sku FROM items WHERE sku > $1 ORDER BY sku LIMIT $2"


async def skus_after(db: Db, sku: str, limit: int) -> list[str]:
    return [row["sku"] for row in await db.fetch(SKUS_AFTER, sku, limit)]


COUNT_ITEMS = "SELECT count(*) FROM items"


async def count_items(db: Db) -> int:
    found: int = await db.fetchval(COUNT_ITEMS)
    return found


# As of one moment, with the version of each row.
WRONG_OF = """
    WITH promised AS MATERIALIZED (
        SELECT line.sku, line.warehouse_id, sum(line.quantity)::bigint AS quantity
        FROM reservations JOIN reservation_lines AS line ON line.reservation_id = reservations.id
        WHERE reservations.state IN ('held', 'allocated') AND line.sku = ANY($1::text[])
        GROUP BY line.sku, line.warehouse_id
    ), moved AS MATERIALIZED (
        SELECT sku, warehouse_id, sum(quantity)::bigint AS quantity FROM stock_movements
        WHERE sku = ANY($1::text[])
        GROUP BY sku, warehouse_id
    )
    SELECT stock.sku, stock.warehouse_id, stock.version, stock.on_hand, stock.reserved,
           coalesce(moved.quantity, 0) AS moved, coalesce(promised.quantity, 0) AS promised
    FROM stock
    LEFT JOIN moved USING (sku, warehouse_id)
    LEFT JOIN promised USING (sku, warehouse_id)
    WHERE stock.sku = ANY($1::text[])
      AND (stock.on_hand, stock.reserved) <> (coalesce(moved.quantity, 0), coalesce(promised.quantity, 0))
    ORDER BY stock.sku, stock.warehouse_id
"""


async def wrong_of(db: Database, skus: Sequence[str]) -> list[Wrong]:
    """Among these SKUs, as of one moment. All reservations are read for it, which may take its time."""
    async with db.dedicated() as connection, connection.transaction(readonly=True):
        await connection.execute(_UNHURRIED)
        return [Wrong(*row) for row in await connection.fetch(WRONG_OF, list(skus))]


# No movement is written: what is on hand becomes what they sum to.
SET_RIGHT = """
    UPDATE stock
    SET on_hand = stock.on_hand + change.on_hand, reserved = stock.reserved + change.reserved,
        version = stock.version + 1
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS change (sku, warehouse_id, on_hand, reserved)
    WHERE stock.sku = change.sku AND stock.warehouse_id = change.warehouse_id
"""


async def set_right(tx: Transaction, changes: Sequence[StockChange]) -> None:
    """The counters of rows whose items are locked."""
    await tx.execute(
        SET_RIGHT,
        [change.sku for change in changes],
        [change.warehouse_id for change in changes],
        [change.on_hand for change in changes],
        [change.reserved for change in changes],
    )
