"""The SQL of backorders. The items are locked, always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from stoa.kit.db import Db, Transaction
from stoa.services.inventory.promise import Kind, Later
from stoa.services.inventory.states import State
from stoa.services.inventory.stock_rows import StockChange


class Owed(NamedTuple):
    """Promised to a reservation without being on hand."""

    reservation_id: str
    sku: str
    units: int
    promise: Later


class Waiting(NamedTuple):
    """An open backorder: so many `units` are still owed to a reservation that is in this `state`."""

    id: int
    sku: str
    units: int
    reservation_id: str
    state: State
    order_id: str | None


class BackorderRow(NamedTuple):
    """As staff see it: the order is None of what is held without one."""

    id: int
    sku: str
    key: str
    order_id: str | None
    reservation: str
    quantity: int
    filled: int
    promise: Later
    created_at: datetime


class Given(NamedTuple):
    """So many units to one who waits, as these changes of the stock."""

    waiting: Waiting
    units: int
    changes: Sequence[StockChange]


# Numbered in the order in which they were promised.
OWE = """
    WITH counted AS (
        UPDATE items
        SET backordered = items.backordered + change.units, version = items.version + 1, holds = items.holds + 1
        FROM (
            SELECT sku, sum(units)::bigint AS units FROM unnest($2::text[], $3::bigint[]) AS owed (sku, units)
            GROUP BY sku
        ) AS change
        WHERE items.sku = change.sku
    )
    INSERT INTO backorders (reservation_id, sku, quantity, promise, promised_on)
    SELECT reservation_id, sku, quantity, promise, promised_on
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::date[])
        WITH ORDINALITY AS owed (reservation_id, sku, quantity, promise, promised_on, position)
    ORDER BY position
"""


async def owe(tx: Transaction, owed: Sequence[Owed]) -> None:
    """The first in line is the first to get."""
    await tx.execute(
        OWE,
        [one.reservation_id for one in owed],
        [one.sku for one in owed],
        [one.units for one in owed],
        [one.promise.kind for one in owed],
        [one.promise.on for one in owed],
    )


OWE_NO_MORE = """
    WITH ended AS (
        UPDATE backorders SET state = $2, changed_at = now()
        WHERE reservation_id = ANY($1::uuid[]) AND state = 'open'
        RETURNING sku, quantity - filled AS units
    )
    UPDATE items
    SET backordered = items.backordered - gone.units, version = items.version + 1, holds = items.holds + 1
    FROM (SELECT sku, sum(units)::bigint AS units FROM ended GROUP BY sku) AS gone
    WHERE items.sku = gone.sku
"""


async def owe_no_more(tx: Transaction, reservation_ids: Sequence[str], state: str) -> None:
    """All that is owed to them; it ends `canceled` or `expired`."""
    await tx.execute(OWE_NO_MORE, list(reservation_ids), state)


# What of a backorder is called off is a row of its own, but where nothing of it stays open.
CALL_OFF = """
    WITH wanted AS (
        SELECT backorders.id, sku, units, units = quantity - filled AS whole
        FROM unnest($2::text[], $3::bigint[]) AS off (sku, units) JOIN backorders USING (sku)
        WHERE reservation_id = $1 AND state = 'open'
    ), split AS (
        INSERT INTO backorders (reservation_id, sku, quantity, state, promise, promised_on)
        SELECT $1, sku, units, 'called_off', promise, promised_on FROM backorders JOIN wanted USING (id, sku)
        WHERE NOT whole
    ), less AS (
        UPDATE backorders SET
            quantity = backorders.quantity - CASE WHEN whole THEN 0 ELSE units END,
            state = CASE WHEN whole THEN 'called_off' ELSE 'open' END,
            changed_at = now()
        FROM wanted WHERE backorders.id = wanted.id
    )
    UPDATE items
    SET backordered = items.backordered - units, version = items.version + 1, holds = items.holds + 1
    FROM wanted WHERE items.sku = wanted.sku
"""


async def call_off(tx: Transaction, reservation_id: str, units: Mapping[str, int]) -> None:
    """So many units, by SKU, of what is owed to a reservation: no more than that."""
    await tx.execute(CALL_OFF, reservation_id, list(units), list(units.values()))


# Of each SKU the first, as many as can get anything: it ends where those before want all that there is.
FIRST_WAITING = """
    SELECT first.id, there.sku, first.units, first.reservation_id, reservations.state, reservations.order_id
    FROM unnest($1::text[], $2::bigint[]) AS there (sku, units)
    CROSS JOIN LATERAL (
        SELECT id, quantity - filled AS units, reservation_id,
               sum(quantity - filled) OVER (ORDER BY id) - (quantity - filled) AS before
        FROM (
            SELECT * FROM backorders WHERE backorders.sku = there.sku AND state = 'open' ORDER BY id LIMIT there.units
        ) AS open
    ) AS first
    JOIN reservations ON reservations.id = first.reservation_id
    WHERE first.before < there.units
    ORDER BY first.id
"""


async def first_waiting(tx: Transaction, there: Mapping[str, int]) -> list[Waiting]:
    """Who gets the units that are there of each SKU, the first first."""
    rows = await tx.fetch(FIRST_WAITING, list(there), list(there.values()))
    return [
        Waiting(row["id"], row["sku"], row["units"], row["reservation_id"], State(row["state"]), row["order_id"])
        for row in rows
    ]


OPEN_AFTER = """
    SELECT backorders.id, backorders.sku, reservations.key, reservations.order_id, reservations.state,
           backorders.quantity, backorders.filled, backorders.promise, backorders.promised_on, backorders.created_at
    FROM backorders JOIN reservations ON reservations.id = backorders.reservation_id
    WHERE backorders.state = 'open' AND backorders.id > coalesce($1::bigint, 0)
    ORDER BY backorders.id
    LIMIT $2
"""

OPEN_OF_AFTER = """
    SELECT backorders.id, backorders.sku, reservations.key, reservations.order_id, reservations.state,
           backorders.quantity, backorders.filled, backorders.promise, backorders.promised_on, backorders.created_at
    FROM backorders JOIN reservations ON reservations.id = backorders.reservation_id
    WHERE backorders.state = 'open' AND backorders.sku = $3 AND backorders.id > coalesce($1::bigint, 0)
    ORDER BY backorders.id
    LIMIT $2
"""


async def open_after(db: Db, backorder_id: int | None, limit: int, sku: str | None) -> list[BackorderRow]:
    """Those that wait, of one SKU or of all, the oldest first."""
    if sku is None:
        rows = await db.fetch(OPEN_AFTER, backorder_id, limit)
    else:
        rows = await db.fetch(OPEN_OF_AFTER, backorder_id, limit, sku)
    return [_backorder(row) for row in rows]


def _backorder(row: asyncpg.Record) -> BackorderRow:
    return BackorderRow(
        id=row["id"],
        sku=row["sku"],
        key=row["key"],
        order_id=row["order_id"],
        reservation=row["state"],
        quantity=row["quantity"],
        filled=row["filled"],
        promise=Later(Kind(row["promise"]), row["promised_on"]),
        created_at=row["created_at"],
    )


# What is given to who is not placed yet is reserved; what is sold leaves at once, with its movement. It stands on the
# reservation's lines either way.
FILL = """
    WITH given AS (
        SELECT * FROM unnest(
            $1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::uuid[]
        ) AS given (id, reservation_id, sku, warehouse_id, units, on_hand, reserved, order_id)
    ), filled AS (
        UPDATE backorders SET
            filled = backorders.filled + part.units,
            state = CASE WHEN backorders.filled + part.units = backorders.quantity THEN 'filled' ELSE 'open' END,
            changed_at = now()
        FROM (SELECT id, sum(units)::bigint AS units FROM given GROUP BY id) AS part
        WHERE backorders.id = part.id
    ), counted AS (
        UPDATE items
        SET backordered = items.backordered - part.units, version = items.version + 1, holds = items.holds + 1
        FROM (SELECT sku, sum(units)::bigint AS units FROM given GROUP BY sku) AS part
        WHERE items.sku = part.sku
    ), lined AS (
        INSERT INTO reservation_lines AS line (reservation_id, sku, warehouse_id, quantity)
        SELECT reservation_id, sku, warehouse_id, units FROM given
        ON CONFLICT (reservation_id, sku, warehouse_id) DO UPDATE SET quantity = line.quantity + excluded.quantity
    ), booked AS (
        UPDATE stock SET
            on_hand = stock.on_hand + part.on_hand,
            reserved = stock.reserved + part.reserved,
            version = stock.version + 1,
            holds = stock.holds + CASE WHEN part.on_hand = 0 THEN 1 ELSE 0 END
        FROM (
            SELECT sku, warehouse_id, sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved
            FROM given GROUP BY sku, warehouse_id
        ) AS part
        WHERE stock.sku = part.sku AND stock.warehouse_id = part.warehouse_id
        RETURNING stock.sku, stock.warehouse_id
    )
    INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, order_id)
    SELECT sku, warehouse_id, 'sale', given.on_hand, given.order_id
    FROM given JOIN booked USING (sku, warehouse_id)
    WHERE given.on_hand < 0
    ORDER BY sku, warehouse_id, id
"""


async def fill(tx: Transaction, given: Sequence[Given]) -> None:
    """Book what was given to each."""
    rows = [(one.waiting, change) for one in given for change in one.changes]
    await tx.execute(
        FILL,
        [waiting.id for waiting, _ in rows],
        [waiting.reservation_id for waiting, _ in rows],
        [waiting.sku for waiting, _ in rows],
        [change.warehouse_id for _, change in rows],
        [change.reserved - change.on_hand for _, change in rows],
        [change.on_hand for _, change in rows],
        [change.reserved for _, change in rows],
        [waiting.order_id for waiting, _ in rows],
    )
