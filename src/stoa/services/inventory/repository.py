"""The SQL of reservations, and of what they change of the stock.

Locks are taken in one order: reservations by key (`lock_reservations`, `take_due`), then items by SKU
(`stock_repository.lock_stock_rows`); `lock_all` and `lock_to_sell` take both. A new reservation's key is inserted after
both; whoever waits for another's key there waits for the end of a transaction that needs no more locks than greater
keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from stoa.kit.db import Db, Transaction, affected, later
from stoa.kit.ids import uuid7
from stoa.services.inventory.locks import Lock
from stoa.services.inventory.promise import Kind, Later
from stoa.services.inventory.reservation import Fill, Reservation
from stoa.services.inventory.states import State
from stoa.services.inventory.stock_repository import read_shelves
from stoa.services.inventory.stock_rows import StockChange, StockRows


class Standing(NamedTuple):
    """What becomes of a reservation, whatever its lines are."""

    id: str
    key: str
    state: State
    order_id: str | None
    order_canceled: bool


LOCK_RESERVATIONS = """
    SELECT id, key, state, order_id, expires_at, order_canceled FROM reservations
    WHERE key = ANY($1::text[])
    ORDER BY key
    FOR UPDATE
"""


async def lock_reservations(tx: Transaction, keys: Iterable[str]) -> dict[str, Reservation]:
    """Those of `keys` that exist, by key, locked until the end of the transaction."""
    return await _with_fills(tx, await tx.fetch(LOCK_RESERVATIONS, list(keys)))


async def lock_reservation(tx: Transaction, key: str) -> Reservation | None:
    return (await lock_reservations(tx, [key])).get(key)


# The SKUs of a reservation never change, so it does not matter that they are of before the wait. How many of them lie
# where does: what arrives fills backorders under the lock of their items alone. `SELL` begins when both are locked.
LOCK_TO_SELL = """
    WITH known AS MATERIALIZED (
        SELECT id, key, state, order_id, order_canceled FROM reservations
        WHERE key = ANY($1::text[])
        ORDER BY key
        FOR UPDATE
    ), wanted AS (
        SELECT line.sku FROM known JOIN reservation_lines AS line ON line.reservation_id = known.id
        UNION
        SELECT backorders.sku FROM known JOIN backorders ON backorders.reservation_id = known.id
    ), locked AS MATERIALIZED (
        SELECT FROM items
        WHERE sku IN (SELECT sku FROM wanted) AND (SELECT count(*) FROM known) >= 0
        ORDER BY sku
        FOR UPDATE
    )
    SELECT id, key, state, order_id, order_canceled FROM known WHERE (SELECT count(*) FROM locked) >= 0
"""


async def lock_to_sell(tx: Transaction, keys: Iterable[str]) -> dict[str, Standing]:
    """Those of `keys` that exist, by key, and their items: locked until the end of the transaction."""
    return {
        row["key"]: Standing(row["id"], row["key"], State(row["state"]), row["order_id"], row["order_canceled"])
        for row in await tx.fetch(LOCK_TO_SELL, list(keys))
    }


RESERVATIONS = """
    SELECT id, key, state, order_id, expires_at, order_canceled FROM reservations
    WHERE key = ANY($1::text[])
"""


async def reservations(db: Db, keys: Iterable[str]) -> dict[str, Reservation]:
    """As they are now, without a lock."""
    return await _with_fills(db, await db.fetch(RESERVATIONS, list(keys)))


async def reservation(db: Db, key: str) -> Reservation | None:
    return (await reservations(db, [key])).get(key)


SKUS_OF = """
    SELECT reservations.key, line.sku FROM reservations
    JOIN reservation_lines AS line ON line.reservation_id = reservations.id
    WHERE reservations.key = ANY($1::text[])
    UNION ALL
    SELECT reservations.key, owed.sku FROM reservations
    -- OFFSET 0, so that a reservation's are looked up: PostgreSQL would rather read all that is open.
    CROSS JOIN LATERAL (
        SELECT sku FROM backorders WHERE reservation_id = reservations.id AND state = 'open' OFFSET 0
    ) AS owed
    WHERE reservations.key = ANY($1::text[])
"""


async def skus_of(db: Db, keys: Collection[str]) -> dict[str, frozenset[str]]:
    """What is reserved under each of the keys at this moment, without a lock."""
    skus: dict[str, set[str]] = {key: set() for key in keys}
    for row in await db.fetch(SKUS_OF, list(keys)):
        skus[row["key"]].add(row["sku"])
    return {key: frozenset(some) for key, some in skus.items()}


# Whom another process has locked is being decided there: skip it.
TAKE_DUE = """
    SELECT id, key, state, order_id, expires_at, order_canceled FROM reservations
    WHERE state = 'held' AND expires_at < $1 AND NOT EXISTS (
        SELECT FROM reservation_lines AS line WHERE line.reservation_id = reservations.id AND line.sku = ANY($3::text[])
    ) AND NOT EXISTS (
        SELECT FROM backorders WHERE backorders.reservation_id = reservations.id AND backorders.sku = ANY($3::text[])
    )
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
"""


async def take_due(tx: Transaction, now: datetime, at_most: int, but_for: Iterable[str] = ()) -> list[Reservation]:
    """Locked holds whose time is over, the oldest first, without those that have one of these SKUs."""
    return list((await _with_fills(tx, await tx.fetch(TAKE_DUE, now, at_most, list(but_for)))).values())


NEXT_EXPIRY = """
    SELECT extract(epoch FROM expires_at - $1::timestamptz)::float8 FROM reservations WHERE state = 'held'
    ORDER BY expires_at LIMIT 1
"""


async def next_expiry(db: Db, now: datetime) -> float | None:
    """In how many seconds the next hold ends, 0 or less for one that is due; None where nothing is held."""
    seconds: float | None = await db.fetchval(NEXT_EXPIRY, now)
    return seconds


# What is owed lies in no warehouse. Of both as one moment has it: what is filled is in the one or in the other.
FILLS_OF = """
    SELECT line.reservation_id, line.sku, line.warehouse_id, line.quantity, line.returned, warehouses.priority,
           NULL AS promise, NULL AS promised_on
    FROM reservation_lines AS line
    JOIN warehouses ON warehouses.id = line.warehouse_id
    WHERE line.reservation_id = ANY($1::uuid[])
    UNION ALL
    SELECT reservation_id, sku, NULL, quantity - filled, 0, NULL, promise, promised_on FROM backorders
    WHERE reservation_id = ANY($1::uuid[]) AND state NOT IN ('filled', 'called_off')
    ORDER BY sku, priority, warehouse_id
"""


async def _with_fills(db: Db, rows: Sequence[asyncpg.Record]) -> dict[str, Reservation]:
    if not rows:
        return {}
    fills: dict[str, list[Fill]] = {row["id"]: [] for row in rows}
    owed: dict[str, dict[str, int]] = {row["id"]: {} for row in rows}
    promises: dict[str, dict[str, Later]] = {row["id"]: {} for row in rows}
    for line in await db.fetch(FILLS_OF, list(fills)):
        if line["warehouse_id"] is None:
            owed[line["reservation_id"]][line["sku"]] = line["quantity"]
            promises[line["reservation_id"]][line["sku"]] = Later(Kind(line["promise"]), line["promised_on"])
        else:
            fill = Fill(line["sku"], line["warehouse_id"], line["quantity"], line["returned"])
            fills[line["reservation_id"]].append(fill)
    return {
        row["key"]: Reservation(
            id=row["id"],
            key=row["key"],
            state=State(row["state"]),
            fills=tuple(fills[row["id"]]),
            expires_at=row["expires_at"],
            order_id=row["order_id"],
            order_canceled=row["order_canceled"],
            owed=owed[row["id"]],
            later=promises[row["id"]],
        )
        for row in rows
    }


# One statement for a whole batch of new reservations, which writes nothing where the stock has changed since it was
# read. A key that another process inserted meanwhile is missing from the count, and the caller rolls back.
HOLD = """
    WITH stock_now AS MATERIALIZED (
        SELECT coalesce(sum(version + 1), 0) = $13 AS is_as_read FROM stock WHERE sku = ANY($14::text[])
    ), shifted AS (
        UPDATE stock
        SET reserved = stock.reserved + change.reserved, version = stock.version + 1, holds = stock.holds + 1
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS change (sku, warehouse_id, reserved)
        WHERE stock.sku = change.sku AND stock.warehouse_id = change.warehouse_id
          AND (SELECT is_as_read FROM stock_now)
    ), made AS (
        INSERT INTO reservations (id, key, state, order_id, expires_at)
        SELECT new.id, new.key, new.state, new.order_id, new.expires_at
        FROM unnest($4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::timestamptz[])
            AS new (id, key, state, order_id, expires_at)
        WHERE (SELECT is_as_read FROM stock_now)
        ORDER BY new.key
        ON CONFLICT (key) DO NOTHING
        RETURNING id
    ), filled AS (
        INSERT INTO reservation_lines (reservation_id, sku, warehouse_id, quantity)
        SELECT fill.reservation_id, fill.sku, fill.warehouse_id, fill.quantity
        FROM unnest($9::uuid[], $10::text[], $11::text[], $12::bigint[])
            AS fill (reservation_id, sku, warehouse_id, quantity)
        JOIN made ON made.id = fill.reservation_id
    )
    SELECT CASE WHEN is_as_read THEN (SELECT count(*) FROM made) END FROM stock_now
"""


async def hold(tx: Transaction, skus: Iterable[str], stock: StockRows, made: Sequence[Reservation]) -> int | None:
    """Write what was taken from the `stock` of these SKUs, and the new reservations; how many were new.

    Fewer than `made`: another process has their key. None: the stock is no longer as it was read, and nothing is
    written.
    """
    changes = stock.changes()
    count: int | None = await tx.fetchval(
        HOLD,
        *_places(changes),
        [change.reserved for change in changes],
        [one.id for one in made],
        [one.key for one in made],
        [one.state for one in made],
        [one.order_id for one in made],
        [one.expires_at for one in made],
        *_fill_columns(made),
        stock.as_read,
        list(skus),
    )
    return count


KEEP = """
    UPDATE reservations
    SET state = kept.state, order_id = kept.order_id, expires_at = kept.expires_at, changed_at = now()
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[]) AS kept (id, state, order_id, expires_at)
    WHERE reservations.id = kept.id
"""


async def keep(tx: Transaction, reservations: Sequence[Reservation]) -> None:
    """Existing reservations are held until their new `expires_at`, or promised to their order."""
    await tx.execute(
        KEEP,
        [one.id for one in reservations],
        [one.state for one in reservations],
        [one.order_id for one in reservations],
        [one.expires_at for one in reservations],
    )


DROP_FILLS = """
    WITH owed AS (DELETE FROM backorders WHERE reservation_id = ANY($1::uuid[]) AND state = 'expired')
    DELETE FROM reservation_lines WHERE reservation_id = ANY($1::uuid[])
"""


ADD_FILLS = """
    INSERT INTO reservation_lines (reservation_id, sku, warehouse_id, quantity)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
"""


async def refill(tx: Transaction, held: Sequence[Reservation]) -> None:
    """Existing reservations stand for their new fills instead of the old."""
    await tx.execute(DROP_FILLS, [one.id for one in held])
    await tx.execute(ADD_FILLS, *_fill_columns(held))


END = "UPDATE reservations SET state = $2, changed_at = now() WHERE id = ANY($1::uuid[])"


async def end(tx: Transaction, reservation_ids: Sequence[str], state: State) -> None:
    """They are `state`; their stock is the caller's business."""
    await tx.execute(END, list(reservation_ids), state)


ORDER_WAS_CANCELED = "UPDATE reservations SET order_canceled = true WHERE id = $1"


async def order_was_canceled(tx: Transaction, reservation_id: str) -> None:
    await tx.execute(ORDER_WAS_CANCELED, reservation_id)


LEAVE_TOMBSTONES = """
    INSERT INTO reservations (id, key, state)
    SELECT id, key, 'released' FROM unnest($1::uuid[], $2::text[]) AS new (id, key)
    ORDER BY key
    ON CONFLICT (key) DO NOTHING
"""


async def leave_tombstones(tx: Transaction, keys: Collection[str]) -> int:
    """Released reservations without lines under those of the keys that do not exist; how many."""
    return affected(await tx.execute(LEAVE_TOMBSTONES, [uuid7() for _ in keys], list(keys)))


GIVE_BACK = """
    WITH ended AS (
        UPDATE reservations SET state = $5, changed_at = now() WHERE id = ANY($4::uuid[])
    )
    UPDATE stock
    SET reserved = stock.reserved + change.reserved, version = stock.version + 1, holds = stock.holds + 1
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS change (sku, warehouse_id, reserved)
    WHERE stock.sku = change.sku AND stock.warehouse_id = change.warehouse_id
"""


async def give_back(
    tx: Transaction, changes: Sequence[StockChange], reservation_ids: Sequence[str], state: State
) -> None:
    """What they took is available again, and they are `released` or `expired`."""
    reserved = [change.reserved for change in changes]
    await tx.execute(GIVE_BACK, *_places(changes), reserved, list(reservation_ids), state)


MARK_RETURNED = """
    UPDATE reservation_lines AS line SET returned = line.returned + back.quantity
    FROM unnest($2::text[], $3::text[], $4::bigint[]) AS back (sku, warehouse_id, quantity)
    WHERE line.reservation_id = $1 AND line.sku = back.sku AND line.warehouse_id = back.warehouse_id
"""


async def mark_returned(tx: Transaction, reservation_id: str, back: Sequence[Fill]) -> None:
    await tx.execute(MARK_RETURNED, reservation_id, *_places(back), [fill.quantity for fill in back])


# Each is reached when the one before has all its locks: reservations, items, stock. The stock is as of the beginning
# of the statement: whoever waited for a lock may not see what was done under it, and `HOLD` finds that out. An item is
# as it is when its lock is ours: that is what FOR UPDATE answers with.
LOCK_ALL = """
    WITH known AS MATERIALIZED (
        SELECT key FROM reservations WHERE key = ANY($1::text[]) ORDER BY key FOR UPDATE
    ), locked AS MATERIALIZED (
        SELECT sku, CASE WHEN version > 0 THEN to_jsonb(items) END AS item FROM items
        WHERE sku = ANY($2::text[]) AND (SELECT count(*) FROM known) >= 0 ORDER BY sku FOR UPDATE
    ), shelves AS (
        SELECT stock.sku, stock.warehouse_id, stock.on_hand, stock.reserved, stock.version, stock.holds,
               stock.safety_stock, stock.incoming, warehouses.closed_at IS NOT NULL AS closed, locked.item
        FROM stock JOIN warehouses ON warehouses.id = stock.warehouse_id JOIN locked ON locked.sku = stock.sku
        WHERE stock.sku = ANY($2::text[]) AND (SELECT count(*) FROM locked) >= 0
        ORDER BY stock.sku, warehouses.priority, warehouses.id
    )
    SELECT shelves.*, NULL AS key FROM shelves
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, key FROM known
"""


async def lock_all(
    tx: Transaction, keys: Collection[str], skus: Collection[str]
) -> tuple[dict[str, Reservation], StockRows]:
    """Lock what exists under the keys, and the items: the reservations by key, and the stock, which may be old.

    It is not where nothing had to be waited for: so not when it is asked for again. An unknown SKU has none.
    """
    rows = await tx.fetch(LOCK_ALL, list(keys), list(skus))
    known = [row["key"] for row in rows if row["key"] is not None]
    stock = StockRows(*read_shelves(row for row in rows if row["key"] is None))
    return await reservations(tx, known) if known else {}, stock


# Which of the reservations and items somebody else holds, an item also by its stock: they are those that cannot be
# locked without waiting. xmax is the transaction that locks a row (or a number of its own for several of them).
HELD = """
    WITH free_reservations AS MATERIALIZED (
        SELECT key FROM reservations WHERE key = ANY($1::text[]) FOR UPDATE SKIP LOCKED
    ), free_items AS MATERIALIZED (
        SELECT sku FROM items WHERE sku = ANY($2::text[]) FOR UPDATE SKIP LOCKED
    ), free_stock AS MATERIALIZED (
        SELECT sku, warehouse_id FROM stock WHERE sku = ANY($2::text[]) FOR UPDATE SKIP LOCKED
    ), held AS (
        SELECT 'reservation' AS kind, key AS name, xmax::text AS holder FROM reservations
        WHERE key = ANY($1::text[]) AND key NOT IN (SELECT key FROM free_reservations)
        UNION ALL
        SELECT 'item', sku, xmax::text FROM items
        WHERE sku = ANY($2::text[]) AND sku NOT IN (SELECT sku FROM free_items)
        UNION ALL
        SELECT 'item', sku, xmax::text FROM stock
        WHERE sku = ANY($2::text[]) AND (sku, warehouse_id) NOT IN (SELECT sku, warehouse_id FROM free_stock)
    )
    SELECT kind, name, string_agg(holder, ' ' ORDER BY holder) AS holder FROM held GROUP BY kind, name
"""


async def held(db: Db, locks: Iterable[Lock]) -> dict[Lock, str]:
    """Those of the locks that somebody else holds at this moment, each with who it is: another has another name.

    In a transaction all others are locked then, without waiting for any.
    """
    names: dict[str, list[str]] = {"reservation": [], "item": []}
    for lock in locks:
        names[lock.kind].append(lock.name)
    rows = await db.fetch(HELD, names["reservation"], names["item"])
    return {Lock(row["kind"], row["name"]): row["holder"] for row in rows}


# A whole batch of orders at once: each row of stock changes once, each line of an order is a movement. What is owed has
# no line, and leaves when it is filled.
SELL = """
    WITH sale AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS sale (id, order_id)
    ), sold AS (
        UPDATE reservations SET state = 'committed', order_id = sale.order_id, changed_at = now()
        FROM sale WHERE reservations.id = sale.id
    ), leaving AS MATERIALIZED (
        SELECT sale.order_id, line.sku, line.warehouse_id, line.quantity
        FROM sale JOIN reservation_lines AS line ON line.reservation_id = sale.id
    ), booked AS (
        UPDATE stock SET
            on_hand = stock.on_hand - total.quantity,
            reserved = stock.reserved - total.quantity,
            version = stock.version + 1
        FROM (
            SELECT sku, warehouse_id, sum(quantity)::bigint AS quantity FROM leaving GROUP BY sku, warehouse_id
        ) AS total
        WHERE stock.sku = total.sku AND stock.warehouse_id = total.warehouse_id
        RETURNING stock.sku, stock.warehouse_id
    )
    INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, order_id)
    SELECT sku, warehouse_id, 'sale', -leaving.quantity, leaving.order_id
    FROM leaving JOIN booked USING (sku, warehouse_id)
"""


async def sell(tx: Transaction, orders: Mapping[str, str]) -> None:
    """Reservations that are locked with their items, by their ids, are sold to these orders; on hand and reserved go
    down together."""
    if orders:
        await later(tx, SELL, list(orders), list(orders.values()))


def _places(rows: Sequence[StockChange] | Sequence[Fill]) -> tuple[list[str], list[str]]:
    return [row.sku for row in rows], [row.warehouse_id for row in rows]


def _fill_columns(reservations: Sequence[Reservation]) -> tuple[list[Any], ...]:
    fills = [(one.id, fill) for one in reservations for fill in one.fills]
    return (
        [reservation_id for reservation_id, _ in fills],
        [fill.sku for _, fill in fills],
        [fill.warehouse_id for _, fill in fills],
        [fill.quantity for _, fill in fills],
    )
