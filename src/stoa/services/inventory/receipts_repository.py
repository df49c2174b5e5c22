"""The SQL of receipts, and of what comes in. A receipt's row is locked before any item."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple

import asyncpg

from stoa.kit.db import Db, Transaction, later
from stoa.services.inventory.receipt import Order, Receipt, ReceiptLine, ReceiptState

ADD_RECEIPT = """
    WITH made AS (
        INSERT INTO receipts (id, supplier, reference, warehouse_id, state, expected_on, note)
        VALUES ($1, $2, $3, $4, 'expected', $5, $6)
    )
    INSERT INTO receipt_lines (receipt_id, sku, ordered)
    SELECT $1, sku, ordered FROM unnest($7::text[], $8::bigint[]) AS line (sku, ordered)
"""


async def add_receipt(tx: Transaction, receipt_id: str, order: Order) -> None:
    await tx.execute(
        ADD_RECEIPT,
        receipt_id,
        order.supplier,
        order.reference,
        order.warehouse_id,
        order.expected_on,
        order.note,
        list(order.lines),
        list(order.lines.values()),
    )


RECEIPT = """
    SELECT id, supplier, reference, warehouse_id, state, expected_on, note, version, created_at, changed_at
    FROM receipts WHERE id = $1
"""
LOCK_RECEIPT = RECEIPT + "FOR UPDATE"
RECEIPT_LINES = "SELECT sku, ordered, received, canceled FROM receipt_lines WHERE receipt_id = $1 ORDER BY sku"


async def lock_receipt(tx: Transaction, receipt_id: str) -> Receipt | None:
    """With its lines, which nobody else changes until the end of the transaction."""
    return await _with_lines(tx, await tx.fetchrow(LOCK_RECEIPT, receipt_id))


async def receipt(db: Db, receipt_id: str) -> Receipt | None:
    """As it is now, without a lock."""
    return await _with_lines(db, await db.fetchrow(RECEIPT, receipt_id))


async def _with_lines(db: Db, row: asyncpg.Record | None) -> Receipt | None:
    if row is None:
        return None
    return _receipt(row, [ReceiptLine(*line) for line in await db.fetch(RECEIPT_LINES, row["id"])])


def _receipt(row: asyncpg.Record, lines: Sequence[ReceiptLine] = ()) -> Receipt:
    return Receipt(**dict(row) | {"state": ReceiptState(row["state"]), "lines": tuple(lines)})


SAVE_RECEIPT = """
    WITH changed AS (
        UPDATE receipts
        SET state = $2, supplier = $3, reference = $4, expected_on = $5, note = $6, version = version + 1,
            changed_at = now()
        WHERE id = $1
    )
    UPDATE receipt_lines AS line SET received = now.received, canceled = now.canceled
    FROM unnest($7::text[], $8::bigint[], $9::bigint[]) AS now (sku, received, canceled)
    WHERE line.receipt_id = $1 AND line.sku = now.sku
"""


async def save_receipt(tx: Transaction, after: Receipt) -> None:
    """What a locked receipt says by now."""
    await tx.execute(
        SAVE_RECEIPT,
        after.id,
        after.state,
        after.supplier,
        after.reference,
        after.expected_on,
        after.note,
        [line.sku for line in after.lines],
        [line.received for line in after.lines],
        [line.canceled for line in after.lines],
    )


RECEIPTS_BEFORE = """
    SELECT id, supplier, reference, warehouse_id, state, expected_on, note, version, created_at, changed_at
    FROM receipts
    WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id DESC LIMIT $2
"""
# Said so that the index of the state is gone along: by the key all would be read where few have the state.
RECEIPTS_OF_STATE_BEFORE = """
    SELECT id, supplier, reference, warehouse_id, state, expected_on, note, version, created_at, changed_at
    FROM receipts
    WHERE state >= $3 AND (state, id) < ($3, coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY state DESC, id DESC LIMIT $2
"""


async def receipts_before(db: Db, receipt_id: str | None, limit: int, state: ReceiptState | None) -> list[Receipt]:
    """The newest first, without their lines."""
    if state is None:
        rows = await db.fetch(RECEIPTS_BEFORE, receipt_id, limit)
    else:
        rows = await db.fetch(RECEIPTS_OF_STATE_BEFORE, receipt_id, limit, state)
    return [_receipt(row) for row in rows]


class Incoming(NamedTuple):
    """So many units of a SKU will be on hand in a warehouse that are not now; `expected_on` is the earliest day that
    somebody has named for some of them."""

    sku: str
    warehouse_id: str
    quantity: int
    expected_on: date | None


# What is on the way between warehouses is on hand in none of them. A place that never had the SKU gets an empty row.
COUNT_INCOMING = """
    INSERT INTO stock (sku, warehouse_id, incoming)
    SELECT wanted.sku, $2, (
        SELECT coalesce(sum(line.incoming), 0)::bigint
        FROM receipt_lines AS line JOIN receipts ON receipts.id = line.receipt_id
        WHERE line.incoming > 0 AND line.sku = wanted.sku AND receipts.warehouse_id = $2
    ) + (
        SELECT coalesce(sum(line.on_the_way), 0)::bigint
        FROM transfer_lines AS line JOIN transfers ON transfers.id = line.transfer_id
        WHERE line.on_the_way > 0 AND line.sku = wanted.sku AND transfers.destination = $2
    )
    FROM unnest($1::text[]) AS wanted (sku)
    ON CONFLICT (sku, warehouse_id) DO UPDATE SET incoming = excluded.incoming
"""


async def count_incoming(tx: Transaction, skus: Collection[str], warehouse_id: str) -> None:
    """Note on the stock what is on its way there, as the documents have it by now; the items are locked."""
    await later(tx, COUNT_INCOMING, list(skus), warehouse_id)


INCOMING_OF = """
    SELECT sku, warehouse_id, sum(quantity)::bigint AS quantity, min(expected_on) AS expected_on
    FROM (
        SELECT line.sku, receipts.warehouse_id, line.incoming AS quantity, receipts.expected_on
        FROM receipt_lines AS line JOIN receipts ON receipts.id = line.receipt_id
        WHERE line.incoming > 0 AND line.sku = ANY($1::text[])
        UNION ALL
        SELECT line.sku, transfers.destination, line.on_the_way, transfers.expected_on
        FROM transfer_lines AS line JOIN transfers ON transfers.id = line.transfer_id
        WHERE line.on_the_way > 0 AND line.sku = ANY($1::text[])
    ) AS coming
    GROUP BY sku, warehouse_id
    ORDER BY sku, warehouse_id
"""


async def incoming_of(db: Db, skus: Collection[str]) -> list[Incoming]:
    """What is still to come of these SKUs, from suppliers and from other warehouses, one row for each warehouse."""
    return [Incoming(*row) for row in await db.fetch(INCOMING_OF, list(skus))]
