"""The SQL of items, their stock in each warehouse, and its movements.

What is done with reservations and stock at once is in `repository`, which has the order of locks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from stoa.kit.db import Db, Transaction
from stoa.services.inventory.stock_rows import StockChange, StockRow, StockRows


class Totals(NamedTuple):
    """One SKU over all warehouses."""

    sku: str
    on_hand: int
    reserved: int


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


class WarehouseRow(NamedTuple):
    id: str
    name: str
    priority: int
    created_at: datetime


LOCK_ITEMS = "SELECT sku FROM items WHERE sku = ANY($1::text[]) ORDER BY sku FOR UPDATE"


async def lock_items(tx: Transaction, skus: Iterable[str]) -> None:
    """Whoever has these locks is alone with the stock of the SKUs."""
    await tx.execute(LOCK_ITEMS, list(skus))


# A statement of its own after the lock, so that it sees what was committed while we waited.
SHELVES_OF = """
    SELECT stock.sku, stock.warehouse_id, stock.on_hand, stock.reserved, stock.version, stock.holds
    FROM stock
    JOIN warehouses ON warehouses.id = stock.warehouse_id
    WHERE stock.sku = ANY($1::text[])
    ORDER BY stock.sku, warehouses.priority, warehouses.id
"""


async def lock_stock_rows(tx: Transaction, skus: Iterable[str]) -> StockRows:
    """Lock the items, then read their stock in all warehouses; an unknown SKU has none."""
    wanted = list(skus)
    await lock_items(tx, wanted)
    return StockRows([StockRow(*row) for row in await tx.fetch(SHELVES_OF, wanted)])


async def stock_rows_of_each(db: Db, skus: Collection[str]) -> dict[str, list[StockRow]]:
    """The stock of each SKU that has any, in the order of its warehouses."""
    found: dict[str, list[StockRow]] = {}
    for row in await db.fetch(SHELVES_OF, skus):
        found.setdefault(row["sku"], []).append(StockRow(*row))
    return found


async def stock_rows_of(db: Db, sku: str) -> list[StockRow]:
    """One SKU's stock."""
    return (await stock_rows_of_each(db, [sku])).get(sku, [])


TOTALS_OF = """
    SELECT sku, sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved FROM stock
    WHERE sku = ANY($1::text[])
    GROUP BY sku
"""


async def totals_of(db: Db, skus: Sequence[str]) -> list[Totals]:
    return [Totals(*row) for row in await db.fetch(TOTALS_OF, list(skus))]


TOTALS_AFTER = """
    SELECT sku, sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved FROM stock
    WHERE sku > $1
    GROUP BY sku
    ORDER BY sku
    LIMIT $2
"""


async def totals_after(db: Db, sku: str, limit: int) -> list[Totals]:
    return [Totals(*row) for row in await db.fetch(TOTALS_AFTER, sku, limit)]


# Of the next so many SKUs those with little, and how far that was. No index has them: what is available changes with
# every reservation, which writes no index as it is.
LOW_AFTER = """
    WITH looked_at AS MATERIALIZED ({totals}),
    low AS (SELECT * FROM looked_at WHERE on_hand - reserved <= $3 ORDER BY sku LIMIT $4)
    SELECT low.*, last.sku AS looked_to
    FROM (SELECT CASE WHEN count(*) = $2 THEN max(sku) END AS sku FROM looked_at) AS last
    LEFT JOIN low ON true
    ORDER BY low.sku
""".replace("{totals}", TOTALS_AFTER)


async def low_after(
    db: Db, sku: str, at_most_available: int, limit: int, *, look_at: int
) -> tuple[list[Totals], str | None]:
    """Those with so little among the next `look_at` SKUs, and the last of these; None where it was the last of all."""
    rows = await db.fetch(LOW_AFTER, sku, look_at, at_most_available, limit)
    low = [Totals(row["sku"], row["on_hand"], row["reserved"]) for row in rows if row["sku"] is not None]
    return low, rows[0]["looked_to"]


KNOW_ITEM = "INSERT INTO items (sku) VALUES ($1) ON CONFLICT DO NOTHING"


async def know_item(tx: Transaction, sku: str) -> None:
    """Make the item unless it is there."""
    await tx.execute(KNOW_ITEM, sku)


OPEN_SHELF = "INSERT INTO stock (sku, warehouse_id) VALUES ($1, $2)"


async def open_stock_row(tx: Transaction, sku: str, warehouse_id: str) -> StockRow:
    """An empty row for a SKU in a warehouse where it has none; its item is locked."""
    await tx.execute(OPEN_SHELF, sku, warehouse_id)
    return StockRow(sku, warehouse_id, 0, 0, 0, 0)


# In the order of the SKUs, so that two imports wait for each other and never in a circle.
OPEN_ITEMS = """
    WITH known AS (
        INSERT INTO items (sku) SELECT sku FROM unnest($1::text[]) AS sku ORDER BY sku
        ON CONFLICT DO NOTHING
        RETURNING sku
    )
    INSERT INTO stock (sku, warehouse_id) SELECT sku, $2 FROM known
    RETURNING sku
"""


async def open_items(tx: Transaction, skus: Sequence[str], warehouse_id: str) -> list[str]:
    """Make and lock items with an empty row each; the SKUs that are new."""
    return [row["sku"] for row in await tx.fetch(OPEN_ITEMS, list(skus), warehouse_id)]


# This statement and the next are all that changes on_hand and all that writes movements: the two cannot part.
BOOK = """
    WITH booked AS (
        UPDATE stock SET
            on_hand = stock.on_hand + change.on_hand,
            reserved = stock.reserved + change.reserved,
            version = stock.version + 1
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
            AS change (sku, warehouse_id, on_hand, reserved)
        WHERE stock.sku = change.sku AND stock.warehouse_id = change.warehouse_id
        RETURNING stock.sku, stock.warehouse_id, change.on_hand AS quantity
    )
    INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, order_id, return_id, reason, user_id)
    SELECT sku, warehouse_id, $5, quantity, $6, $7, $8, $9 FROM booked
    ORDER BY sku, warehouse_id
"""


async def book(
    tx: Transaction,
    kind: str,
    changes: Sequence[StockChange],
    *,
    order_id: str | None = None,
    return_id: str | None = None,
    reason: str = "",
    user_id: str | None = None,
) -> None:
    """Change what is on hand, each change with its movement of this `kind`; the items are locked."""
    await tx.execute(
        BOOK,
        [change.sku for change in changes],
        [change.warehouse_id for change in changes],
        [change.on_hand for change in changes],
        [change.reserved for change in changes],
        kind,
        order_id,
        return_id,
        reason,
        user_id,
    )


MOVEMENTS_BEFORE = """
    SELECT id, sku, warehouse_id, kind, quantity, order_id, return_id, reason, user_id, created_at
    FROM stock_movements
    WHERE sku = $1 AND id < coalesce($2::bigint, 9223372036854775807)
    ORDER BY id DESC
    LIMIT $3
"""


async def movements_before(db: Db, sku: str, movement_id: int | None, limit: int) -> list[MovementRow]:
    """The newest first."""
    return [MovementRow(*row) for row in await db.fetch(MOVEMENTS_BEFORE, sku, movement_id, limit)]


WAREHOUSES = "SELECT id, name, priority, created_at FROM warehouses ORDER BY priority, id"


async def warehouses(db: Db) -> list[WarehouseRow]:
    """In the order in which they are drawn from."""
    return [WarehouseRow(*row) for row in await db.fetch(WAREHOUSES)]


WAREHOUSE_EXISTS = "SELECT EXISTS (SELECT FROM warehouses WHERE id = $1)"


async def warehouse_exists(db: Db, warehouse_id: str) -> bool:
    found: bool = await db.fetchval(WAREHOUSE_EXISTS, warehouse_id)
    return found


ADD_WAREHOUSE = """
    INSERT INTO warehouses (id, name, priority) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING
    RETURNING id, name, priority, created_at
"""


async def add_warehouse(db: Db, warehouse_id: str, name: str, priority: int) -> WarehouseRow | None:
    """None where the id is taken."""
    row = await db.fetchrow(ADD_WAREHOUSE, warehouse_id, name, priority)
    return None if row is None else WarehouseRow(*row)
