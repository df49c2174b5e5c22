"""The SQL of items and their stock in each warehouse.

What is done with reservations and stock at once is in `repository`, which has the order of locks; goods that are
moved by a document, and a SKU's list of movements, are in `movements_repository`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from stoa.kit.db import Db, Transaction
from stoa.services.inventory.allocation.place import Place
from stoa.services.inventory.items import Item
from stoa.services.inventory.stock_rows import SkuStock, StockChange, StockRow, StockRows, by_sku


class Totals(NamedTuple):
    """One SKU over all warehouses."""

    sku: str
    on_hand: int
    reserved: int
    incoming: int


class WarehouseRow(NamedTuple):
    id: str
    name: str
    priority: int
    country: str | None
    region: str
    postal_code: str
    latitude: float | None
    longitude: float | None
    version: int
    created_at: datetime
    closed_at: datetime | None

    @property
    def place(self) -> Place:
        return Place(self.id, self.priority, self.country, self.region, self.postal_code, self.latitude, self.longitude)


LOCK_ITEMS = "SELECT sku FROM items WHERE sku = ANY($1::text[]) ORDER BY sku FOR UPDATE"


async def lock_items(tx: Transaction, skus: Iterable[str]) -> None:
    """Whoever has these locks is alone with the stock of the SKUs."""
    await tx.execute(LOCK_ITEMS, list(skus))


# A statement of its own after the lock, so that it sees what was committed while we waited. Few items have a policy.
SHELVES_OF = """
    SELECT stock.sku, stock.warehouse_id, stock.on_hand, stock.reserved, stock.version, stock.holds,
           stock.safety_stock, stock.incoming, warehouses.closed_at IS NOT NULL AS closed,
           CASE WHEN items.version > 0 THEN to_jsonb(items) END AS item
    FROM stock
    JOIN warehouses ON warehouses.id = stock.warehouse_id
    JOIN items ON items.sku = stock.sku
    WHERE stock.sku = ANY($1::text[])
    ORDER BY stock.sku, warehouses.priority, warehouses.id
"""


def read_shelves(rows: Iterable[asyncpg.Record]) -> tuple[list[StockRow], list[Item]]:
    """Of a statement with these columns: the rows of stock, and the items of which more is to be known."""
    shelves = []
    items: dict[str, Item] = {}
    for row in rows:
        shelves.append(StockRow(*row[:9]))
        if row[9] is not None and row[0] not in items:
            items[row[0]] = msgspec.convert(row[9], Item)
    return shelves, list(items.values())


async def lock_stock_rows(tx: Transaction, skus: Iterable[str]) -> StockRows:
    """Lock the items, then read their stock in all warehouses; an unknown SKU has none."""
    wanted = list(skus)
    await lock_items(tx, wanted)
    return StockRows(*read_shelves(await tx.fetch(SHELVES_OF, wanted)))


async def stock_of_each(db: Db, skus: Collection[str]) -> dict[str, SkuStock]:
    """The stock of each SKU that has any."""
    return by_sku(*read_shelves(await db.fetch(SHELVES_OF, list(skus))))


TOTALS_AFTER = """
    SELECT sku, sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved, sum(incoming)::bigint AS incoming
    FROM stock
    WHERE sku > $1
    GROUP BY sku
    ORDER BY sku
    LIMIT $2
"""


async def totals_after(db: Db, sku: str, limit: int) -> list[Totals]:
    return [Totals(*row) for row in await db.fetch(TOTALS_AFTER, sku, limit)]


# Of the next so many SKUs those with little, and how far that was. No index has them: what is available changes with
# every reservation, which writes no index as it is. What is little an item may say: each is looked up, and not joined,
# which the planner does by reading them all.
LOW_AFTER = """
    WITH looked_at AS MATERIALIZED ({totals}),
    low AS (
        SELECT * FROM looked_at
        WHERE on_hand - reserved <= coalesce((SELECT low_stock_at FROM items WHERE items.sku = looked_at.sku), $3)
        ORDER BY sku LIMIT $4
    )
    SELECT low.*, last.sku AS looked_to
    FROM (SELECT CASE WHEN count(*) = $2 THEN max(sku) END AS sku FROM looked_at) AS last
    LEFT JOIN low ON true
    ORDER BY low.sku
""".replace("{totals}", TOTALS_AFTER)


async def low_after(
    db: Db, sku: str, at_most_available: int, limit: int, *, look_at: int
) -> tuple[list[Totals], str | None]:
    """Those with so little, or as little as their item says, among the next `look_at` SKUs, and the last of these; None
    where it was the last of all."""
    rows = await db.fetch(LOW_AFTER, sku, look_at, at_most_available, limit)
    low = [
        Totals(row["sku"], row["on_hand"], row["reserved"], row["incoming"]) for row in rows if row["sku"] is not None
    ]
    return low, rows[0]["looked_to"]


# The same of those that are there, or on their way, and that no product is told to have.
OF_NO_PRODUCT_AFTER = """
    WITH looked_at AS MATERIALIZED ({totals}),
    nobodys AS (
        SELECT * FROM looked_at
        WHERE (on_hand > 0 OR incoming > 0) AND (SELECT true FROM owners WHERE owners.sku = looked_at.sku) IS NULL
        ORDER BY sku LIMIT $3
    )
    SELECT nobodys.*, last.sku AS looked_to
    FROM (SELECT CASE WHEN count(*) = $2 THEN max(sku) END AS sku FROM looked_at) AS last
    LEFT JOIN nobodys ON true
    ORDER BY nobodys.sku
""".replace("{totals}", TOTALS_AFTER)


async def of_no_product_after(db: Db, sku: str, limit: int, *, look_at: int) -> tuple[list[Totals], str | None]:
    """Those among the next `look_at` SKUs, and the last of these as in `low_after`."""
    rows = await db.fetch(OF_NO_PRODUCT_AFTER, sku, look_at, limit)
    found = [
        Totals(row["sku"], row["on_hand"], row["reserved"], row["incoming"]) for row in rows if row["sku"] is not None
    ]
    return found, rows[0]["looked_to"]


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


# This statement, `movements_repository.MOVE` and `repository.SELL` are all that changes on_hand and all that writes
# movements: the two cannot part.
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


WAREHOUSES = """
    SELECT id, name, priority, country, region, postal_code, latitude, longitude, version, created_at, closed_at
    FROM warehouses
    WHERE $1::boolean OR closed_at IS NULL
    ORDER BY priority, id
"""


async def warehouses(db: Db, *, closed: bool = False) -> list[WarehouseRow]:
    """In the order in which they are drawn from; with those that are `closed`, or without."""
    return [WarehouseRow(*row) for row in await db.fetch(WAREHOUSES, closed)]


OPEN_OF = "SELECT id, closed_at IS NULL AS open FROM warehouses WHERE id = ANY($1::text[]) ORDER BY id FOR KEY SHARE"


async def are_open(tx: Transaction, warehouse_ids: Collection[str]) -> dict[str, bool]:
    """Of those that there are, whether they are open. Nobody removes or closes one before what we do there is done."""
    return {row["id"]: row["open"] for row in await tx.fetch(OPEN_OF, list(warehouse_ids))}


WAREHOUSE = """
    SELECT id, name, priority, country, region, postal_code, latitude, longitude, version, created_at, closed_at
    FROM warehouses WHERE id = $1
"""


async def warehouse(db: Db, warehouse_id: str) -> WarehouseRow | None:
    row = await db.fetchrow(WAREHOUSE, warehouse_id)
    return None if row is None else WarehouseRow(*row)


LOCK_WAREHOUSE = "SELECT FROM warehouses WHERE id = $1 FOR NO KEY UPDATE"


async def lock_warehouse(tx: Transaction, warehouse_id: str) -> WarehouseRow | None:
    """Locked against others who edit it. What draws from it and what refers to it goes on."""
    await tx.execute(LOCK_WAREHOUSE, warehouse_id)
    return await warehouse(tx, warehouse_id)


LOCK_WAREHOUSE_ALONE = "SELECT FROM warehouses WHERE id = $1 FOR UPDATE"


async def lock_warehouse_alone(tx: Transaction, warehouse_id: str) -> WarehouseRow | None:
    """Locked against whoever would name it: what names it is there by now, or will not be."""
    await tx.execute(LOCK_WAREHOUSE_ALONE, warehouse_id)
    return await warehouse(tx, warehouse_id)


REMOVE_WAREHOUSE = """
    DELETE FROM warehouses WHERE id = $1
    AND NOT EXISTS (SELECT FROM stock WHERE warehouse_id = $1)
    AND NOT EXISTS (SELECT FROM transfers WHERE $1 IN (source, destination))
    AND NOT EXISTS (SELECT FROM receipts WHERE warehouse_id = $1)
    AND NOT EXISTS (SELECT FROM stock_counts WHERE warehouse_id = $1)
    RETURNING id
"""


async def remove_warehouse(tx: Transaction, warehouse_id: str) -> bool:
    """Whether nothing named the locked one."""
    return await tx.fetchval(REMOVE_WAREHOUSE, warehouse_id) is not None


# Reservations are what is reserved of what is on hand.
LEFT_IN = """
    SELECT stock.*,
           (SELECT count(*) FROM transfers WHERE $1 IN (source, destination) AND state IN ('draft', 'sent'))
               AS transfers,
           (SELECT count(*) FROM receipts WHERE state = 'expected' AND warehouse_id = $1) AS receipts,
           (SELECT count(*) FROM stock_counts WHERE state = 'open' AND warehouse_id = $1) AS counts
    FROM (
        SELECT coalesce(sum(on_hand), 0)::bigint AS on_hand, coalesce(sum(reserved), 0)::bigint AS reserved
        FROM stock WHERE warehouse_id = $1
    ) AS stock
"""


async def left_in(tx: Transaction, warehouse_id: str) -> dict[str, int]:
    """What is left of a locked warehouse: the units there, and the documents that are not at their end."""
    row = await tx.fetchrow(LEFT_IN, warehouse_id)
    return {name: units for name, units in row.items() if units} if row else {}


CLOSE_WAREHOUSE = """
    UPDATE warehouses SET closed_at = CASE WHEN $2 THEN now() END, version = version + 1 WHERE id = $1
    RETURNING id, name, priority, country, region, postal_code, latitude, longitude, version, created_at, closed_at
"""


async def close_warehouse(tx: Transaction, warehouse_id: str, *, closed: bool) -> WarehouseRow:
    """A locked warehouse is closed from now on, or open."""
    row = await tx.fetchrow(CLOSE_WAREHOUSE, warehouse_id, closed)
    assert row is not None, "it is locked"
    return WarehouseRow(*row)


ADD_WAREHOUSE = """
    INSERT INTO warehouses (id, name, priority, country, region, postal_code, latitude, longitude)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT DO NOTHING
    RETURNING id, name, priority, country, region, postal_code, latitude, longitude, version, created_at, closed_at
"""


async def add_warehouse(db: Db, name: str, place: Place) -> WarehouseRow | None:
    """None where the id is taken."""
    row = await db.fetchrow(ADD_WAREHOUSE, *_warehouse_columns(name, place))
    return None if row is None else WarehouseRow(*row)


EDIT_WAREHOUSE = """
    UPDATE warehouses
    SET name = $2, priority = $3, country = $4, region = $5, postal_code = $6, latitude = $7, longitude = $8,
        version = version + 1
    WHERE id = $1
    RETURNING id, name, priority, country, region, postal_code, latitude, longitude, version, created_at, closed_at
"""


async def edit_warehouse(tx: Transaction, name: str, place: Place) -> WarehouseRow:
    """A locked warehouse is called so, and is there."""
    row = await tx.fetchrow(EDIT_WAREHOUSE, *_warehouse_columns(name, place))
    assert row is not None, "it is locked"
    return WarehouseRow(*row)


def _warehouse_columns(name: str, place: Place) -> tuple[object, ...]:
    return (
        place.warehouse_id,
        name,
        place.priority,
        place.country,
        place.region,
        place.postal_code,
        place.latitude,
        place.longitude,
    )
