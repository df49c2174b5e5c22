"""The SQL of repairs: where the counters differ from what they count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stoa.kit.db import Database, Db, Transaction
from stoa.services.inventory.stock_rows import StockChange


class Miscount(NamedTuple):
    """A counter of a SKU that is not what it counts: of a warehouse, or of the item, where none is named."""

    sku: str
    warehouse_id: str
    counter: str
    was: int
    right: int
    mendable: bool = True


class Wrong(NamedTuple):
    """A row of stock whose `on_hand` is not what its movements sum to, or whose `reserved` is not what is promised."""

    sku: str
    warehouse_id: str
    version: int
    on_hand: int
    reserved: int
    moved: int
    promised: int

    @property
    def mendable(self) -> bool:
        """Nothing is right where more is promised than was ever there."""
        return self.promised <= self.moved

    @property
    def counters(self) -> list[Miscount]:
        both = (("on_hand", self.on_hand, self.moved), ("reserved", self.reserved, self.promised))
        return [
            Miscount(self.sku, self.warehouse_id, counter, was, right, self.mendable)
            for counter, was, right in both
            if was != right
        ]


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


# A backorder is of no warehouse. More than its limit an item cannot owe, and how far that goes somebody has decided.
MISCOUNTED_OF = """
    SELECT sku, warehouse_id, 'incoming' AS counter, coalesce(stock.incoming, 0) AS was,
           coalesce(coming.quantity, 0)::bigint AS right, true AS mendable
    FROM (SELECT sku, warehouse_id, incoming FROM stock WHERE sku = ANY($1::text[])) AS stock
    FULL JOIN (
        SELECT sku, warehouse_id, sum(quantity) AS quantity
        FROM (
            SELECT line.sku, receipts.warehouse_id, line.incoming AS quantity
            FROM receipt_lines AS line JOIN receipts ON receipts.id = line.receipt_id
            WHERE line.incoming > 0 AND line.sku = ANY($1::text[])
            UNION ALL
            SELECT line.sku, transfers.destination, line.on_the_way
            FROM transfer_lines AS line JOIN transfers ON transfers.id = line.transfer_id
            WHERE line.on_the_way > 0 AND line.sku = ANY($1::text[])
        ) AS document
        GROUP BY sku, warehouse_id
    ) AS coming USING (sku, warehouse_id)
    WHERE coalesce(stock.incoming, 0) <> coalesce(coming.quantity, 0)
    UNION ALL
    SELECT items.sku, '', 'backordered', items.backordered, coalesce(open.quantity, 0)::bigint,
           coalesce(open.quantity, 0) <= items.backorder_limit
    FROM items
    LEFT JOIN (
        SELECT sku, sum(quantity - filled) AS quantity FROM backorders
        WHERE state = 'open' AND sku = ANY($1::text[])
        GROUP BY sku
    ) AS open USING (sku)
    WHERE items.sku = ANY($1::text[]) AND items.backordered <> coalesce(open.quantity, 0)
    ORDER BY sku, warehouse_id
"""


async def miscounted_of(db: Db, skus: Sequence[str]) -> list[Miscount]:
    """Among these SKUs, where what is to come or what is owed is noted wrong."""
    return [Miscount(*row) for row in await db.fetch(MISCOUNTED_OF, list(skus))]


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


# How it is promised stays as it is, so this counts among the holds.
SET_OWED = """
    UPDATE items SET backordered = counted.units, version = items.version + 1, holds = items.holds + 1
    FROM unnest($1::text[], $2::bigint[]) AS counted (sku, units)
    WHERE items.sku = counted.sku
"""


async def set_owed(tx: Transaction, counted: Sequence[Miscount]) -> None:
    """What is owed of locked items."""
    if counted:
        await tx.execute(SET_OWED, [one.sku for one in counted], [one.right for one in counted])
