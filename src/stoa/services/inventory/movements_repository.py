"""The SQL of movements: what moves goods by a document, a SKU's list, and the months that they lie in.

Movements lie in partitions by month of their `created_at`, in UTC. The last partition has no end, so a movement is
never refused for want of a month; months are cut off its front ahead of time (`make_movement_months`, in migration 7).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from stoa.kit.db import Db, Transaction
from stoa.services.inventory.stock_rows import StockRow


class Movement(NamedTuple):
    """So many units more (less, below zero) on hand of a SKU in a warehouse."""

    sku: str
    warehouse_id: str
    kind: str
    quantity: int
    reason: str = ""


class MovementRow(NamedTuple):
    id: int
    sku: str
    warehouse_id: str
    kind: str
    quantity: int
    order_id: str | None
    return_id: str | None
    reason: str
    user_id: str | None
    created_at: datetime
    document_id: str | None


# What comes and is written off at once changes no stock, and is two movements all the same.
MOVE = """
    WITH movement AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
            AS movement (sku, warehouse_id, kind, quantity, reason)
    ), moved AS (
        UPDATE stock SET on_hand = stock.on_hand + total.quantity, version = stock.version + 1
        FROM (
            SELECT sku, warehouse_id, sum(quantity)::bigint AS quantity FROM movement GROUP BY sku, warehouse_id
        ) AS total
        WHERE stock.sku = total.sku AND stock.warehouse_id = total.warehouse_id AND total.quantity <> 0
    )
    INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, reason, document_id, user_id)
    SELECT sku, warehouse_id, kind, quantity, reason, $6, $7 FROM movement
    ORDER BY sku, warehouse_id, quantity DESC
"""


async def move(tx: Transaction, movements: Sequence[Movement], *, document_id: str | None, user_id: str | None) -> None:
    """Change what is on hand, by a document or by who counted; the items are locked and the rows of stock are there."""
    await tx.execute(
        MOVE,
        [one.sku for one in movements],
        [one.warehouse_id for one in movements],
        [one.kind for one in movements],
        [one.quantity for one in movements],
        [one.reason for one in movements],
        document_id,
        user_id,
    )


# In the order of the SKUs, so that two who bring the same new goods wait for each other and never in a circle.
KNOW_ITEMS = "INSERT INTO items (sku) SELECT sku FROM unnest($1::text[]) AS sku ORDER BY sku ON CONFLICT DO NOTHING"


async def know_items(tx: Transaction, skus: Collection[str]) -> None:
    """Make the items that are not there; before any is locked."""
    await tx.execute(KNOW_ITEMS, list(skus))


OPEN_ROWS = "INSERT INTO stock (sku, warehouse_id) SELECT sku, $2 FROM unnest($1::text[]) AS sku"


async def open_rows(tx: Transaction, skus: Collection[str], warehouse_id: str) -> list[StockRow]:
    """An empty row for each in a warehouse where it has none; the items are locked."""
    if skus:
        await tx.execute(OPEN_ROWS, list(skus), warehouse_id)
    return [StockRow(sku, warehouse_id, 0, 0, 0, 0) for sku in skus]


# The months are read one after the other, from the last on, and no more of them than fill the page. By the first
# condition those after the position are left out, which a comparison of rows does not do.
MOVEMENTS_BEFORE = """
    SELECT id, sku, warehouse_id, kind, quantity, order_id, return_id, reason, user_id, created_at, document_id
    FROM stock_movements
    WHERE sku = $1 AND created_at <= coalesce($2::timestamptz, 'infinity')
      AND (created_at, id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::bigint, 0))
    ORDER BY created_at DESC, id DESC
    LIMIT $4
"""


async def movements_before(db: Db, sku: str, position: tuple[datetime, int] | None, limit: int) -> list[MovementRow]:
    """The newest first."""
    moment, movement_id = position or (None, None)
    return [MovementRow(*row) for row in await db.fetch(MOVEMENTS_BEFORE, sku, moment, movement_id, limit)]


MAKE_MONTHS = "SELECT make_movement_months($1, $2)"


async def make_months(db: Db, today: datetime, ahead: int) -> int:
    """Make what is missing of this month and so many ahead; how many were made."""
    made: int = await db.fetchval(MAKE_MONTHS, today, ahead)
    return made
