"""The SQL of transfers. A transfer's row is locked before any item: who holds items waits for no document."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from stoa.kit.db import Db, Transaction
from stoa.services.inventory.transfer import Draft, Transfer, TransferLine, TransferState

ADD_TRANSFER = """
    WITH made AS (
        INSERT INTO transfers (id, source, destination, state, expected_on, note) VALUES ($1, $2, $3, 'draft', $4, $5)
    )
    INSERT INTO transfer_lines (transfer_id, sku, quantity)
    SELECT $1, sku, quantity FROM unnest($6::text[], $7::bigint[]) AS line (sku, quantity)
"""


async def add_transfer(tx: Transaction, transfer_id: str, draft: Draft) -> None:
    await tx.execute(ADD_TRANSFER, transfer_id, *_columns(draft))


REPLACE_TRANSFER = """
    WITH changed AS (
        UPDATE transfers
        SET source = $2, destination = $3, expected_on = $4, note = $5, version = version + 1, changed_at = now()
        WHERE id = $1
    ), gone AS (
        DELETE FROM transfer_lines WHERE transfer_id = $1 AND sku <> ALL($6::text[])
    )
    INSERT INTO transfer_lines (transfer_id, sku, quantity)
    SELECT $1, sku, quantity FROM unnest($6::text[], $7::bigint[]) AS line (sku, quantity)
    ON CONFLICT (transfer_id, sku) DO UPDATE SET quantity = excluded.quantity
"""


async def replace_transfer(tx: Transaction, transfer_id: str, draft: Draft) -> None:
    """A locked draft says this instead."""
    await tx.execute(REPLACE_TRANSFER, transfer_id, *_columns(draft))


def _columns(draft: Draft) -> tuple[object, ...]:
    lines = draft.lines
    return draft.source, draft.destination, draft.expected_on, draft.note, list(lines), list(lines.values())


TRANSFER = """
    SELECT id, source, destination, state, expected_on, note, version, created_at, changed_at
    FROM transfers WHERE id = $1
"""
LOCK_TRANSFER = TRANSFER + "FOR UPDATE"
TRANSFER_LINES = """
    SELECT sku, quantity, sent, received, lost, returned FROM transfer_lines WHERE transfer_id = $1 ORDER BY sku
"""


async def lock_transfer(tx: Transaction, transfer_id: str) -> Transfer | None:
    """With its lines, which nobody else changes until the end of the transaction."""
    return await _with_lines(tx, await tx.fetchrow(LOCK_TRANSFER, transfer_id))


async def transfer(db: Db, transfer_id: str) -> Transfer | None:
    """As it is now, without a lock."""
    return await _with_lines(db, await db.fetchrow(TRANSFER, transfer_id))


async def _with_lines(db: Db, row: asyncpg.Record | None) -> Transfer | None:
    if row is None:
        return None
    return _transfer(row, [TransferLine(*line) for line in await db.fetch(TRANSFER_LINES, row["id"])])


def _transfer(row: asyncpg.Record, lines: Sequence[TransferLine] = ()) -> Transfer:
    return Transfer(**dict(row) | {"state": TransferState(row["state"]), "lines": tuple(lines)})


SAVE_TRANSFER = """
    WITH changed AS (
        UPDATE transfers SET state = $2, version = version + 1, changed_at = now() WHERE id = $1
    )
    UPDATE transfer_lines AS line
    SET sent = now.sent, received = now.received, lost = now.lost, returned = now.returned
    FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
        AS now (sku, sent, received, lost, returned)
    WHERE line.transfer_id = $1 AND line.sku = now.sku
"""


async def save_transfer(tx: Transaction, after: Transfer) -> None:
    """The state and the units of a locked transfer."""
    await tx.execute(
        SAVE_TRANSFER,
        after.id,
        after.state,
        [line.sku for line in after.lines],
        [line.sent for line in after.lines],
        [line.received for line in after.lines],
        [line.lost for line in after.lines],
        [line.returned for line in after.lines],
    )


TRANSFERS_BEFORE = """
    SELECT id, source, destination, state, expected_on, note, version, created_at, changed_at
    FROM transfers
    WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id DESC LIMIT $2
"""
# Said so that the index of the state is gone along: by the key all would be read where few have the state.
TRANSFERS_OF_STATE_BEFORE = """
    SELECT id, source, destination, state, expected_on, note, version, created_at, changed_at
    FROM transfers
    WHERE state >= $3 AND (state, id) < ($3, coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY state DESC, id DESC LIMIT $2
"""


async def transfers_before(db: Db, transfer_id: str | None, limit: int, state: TransferState | None) -> list[Transfer]:
    """The newest first, without their lines."""
    if state is None:
        rows = await db.fetch(TRANSFERS_BEFORE, transfer_id, limit)
    else:
        rows = await db.fetch(TRANSFERS_OF_STATE_BEFORE, transfer_id, limit, state)
    return [_transfer(row) for row in rows]
