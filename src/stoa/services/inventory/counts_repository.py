"""The SQL of counts. A count's row is locked before any item."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

import asyncpg

from stoa.kit.db import Db, Transaction
from stoa.kit.ids import uuid7


class CountState(StrEnum):
    OPEN = "open"
    """Something of it is not counted, or not booked."""
    APPLIED = "applied"
    """All of it is booked."""
    CANCELED = "canceled"
    """What was not booked by then will not be."""


class CountRow(NamedTuple):
    """`different` lines are those counted otherwise than was expected."""

    id: str
    warehouse_id: str
    state: CountState
    note: str
    version: int
    created_at: datetime
    changed_at: datetime
    lines: int = 0
    counted: int = 0
    different: int = 0
    applied: int = 0


class CountLine(NamedTuple):
    """`expected` is what was on hand when it was `counted`."""

    sku: str
    expected: int | None
    counted: int | None
    difference: int | None
    reason: str
    counted_at: datetime | None
    counted_by: str | None
    applied_at: datetime | None


class Counted(NamedTuple):
    """What somebody found of a SKU, and what was on hand at that moment."""

    sku: str
    expected: int
    counted: int
    reason: str


OPEN_COUNT = """
    WITH made AS (INSERT INTO stock_counts (id, warehouse_id, state, note) VALUES ($1, $2, 'open', $3))
    INSERT INTO stock_count_lines (count_id, sku) SELECT $1, sku FROM unnest($4::text[]) AS sku
"""
OPEN_WHOLE_COUNT = """
    WITH made AS (INSERT INTO stock_counts (id, warehouse_id, state, note) VALUES ($1, $2, 'open', $3))
    INSERT INTO stock_count_lines (count_id, sku) SELECT $1, sku FROM stock WHERE warehouse_id = $2
"""


async def open_count(tx: Transaction, warehouse_id: str, note: str, skus: Collection[str] | None) -> str:
    """Of these SKUs, None: of all that the warehouse has had. Its id."""
    count_id = uuid7()
    if skus is None:
        await tx.execute(OPEN_WHOLE_COUNT, count_id, warehouse_id, note)
    else:
        await tx.execute(OPEN_COUNT, count_id, warehouse_id, note, list(skus))
    return count_id


LOCK_COUNT = """
    SELECT id, warehouse_id, state, note, version, created_at, changed_at FROM stock_counts WHERE id = $1 FOR UPDATE
"""


async def lock_count(tx: Transaction, count_id: str) -> CountRow | None:
    """Without how far it has come."""
    return _count(await tx.fetchrow(LOCK_COUNT, count_id))


COUNT = """
    SELECT id, warehouse_id, state, note, version, created_at, changed_at, progress.*
    FROM stock_counts
    CROSS JOIN LATERAL (
        SELECT count(*) AS lines, count(counted) AS counted, count(*) FILTER (WHERE difference <> 0) AS different,
               count(applied_at) AS applied
        FROM stock_count_lines WHERE count_id = stock_counts.id
    ) AS progress
    WHERE id = $1
"""


async def count(db: Db, count_id: str) -> CountRow | None:
    """With how far it has come."""
    return _count(await db.fetchrow(COUNT, count_id))


def _count(row: asyncpg.Record | None) -> CountRow | None:
    return None if row is None else CountRow(**dict(row) | {"state": CountState(row["state"])})


COUNTS_BEFORE = """
    SELECT id, warehouse_id, state, note, version, created_at, changed_at FROM stock_counts
    WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id DESC LIMIT $2
"""
# Said so that the index of the state is gone along: by the key all would be read where few have the state.
COUNTS_OF_STATE_BEFORE = """
    SELECT id, warehouse_id, state, note, version, created_at, changed_at FROM stock_counts
    WHERE state >= $3 AND (state, id) < ($3, coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY state DESC, id DESC LIMIT $2
"""


async def counts_before(db: Db, count_id: str | None, limit: int, state: CountState | None) -> list[CountRow]:
    """The newest first, without how far they have come."""
    if state is None:
        rows = await db.fetch(COUNTS_BEFORE, count_id, limit)
    else:
        rows = await db.fetch(COUNTS_OF_STATE_BEFORE, count_id, limit, state)
    return [found for row in rows if (found := _count(row)) is not None]


LINES_AFTER = """
    SELECT sku, expected, counted, difference, reason, counted_at, counted_by, applied_at FROM stock_count_lines
    WHERE count_id = $1 AND sku > $2 ORDER BY sku LIMIT $3
"""
UNCOUNTED_AFTER = """
    SELECT sku, expected, counted, difference, reason, counted_at, counted_by, applied_at FROM stock_count_lines
    WHERE count_id = $1 AND sku > $2 AND counted IS NULL ORDER BY sku LIMIT $3
"""
DIFFERENT_AFTER = """
    SELECT sku, expected, counted, difference, reason, counted_at, counted_by, applied_at FROM stock_count_lines
    WHERE count_id = $1 AND sku > $2 AND difference <> 0 ORDER BY sku LIMIT $3
"""

Only = Literal["uncounted", "different"]


async def lines_after(db: Db, count_id: str, sku: str, limit: int, only: Only | None) -> list[CountLine]:
    statement = {None: LINES_AFTER, "uncounted": UNCOUNTED_AFTER, "different": DIFFERENT_AFTER}[only]
    return [CountLine(*row) for row in await db.fetch(statement, count_id, sku, limit)]


# Those that are not booked yet; what is booked was counted for good.
LINES_TO_COUNT = """
    SELECT sku, applied_at IS NOT NULL AS applied FROM stock_count_lines WHERE count_id = $1 AND sku = ANY($2::text[])
"""


async def lines_to_count(tx: Transaction, count_id: str, skus: Collection[str]) -> dict[str, bool]:
    """Those of the SKUs that a locked count has, each with whether it is booked."""
    return {row["sku"]: row["applied"] for row in await tx.fetch(LINES_TO_COUNT, count_id, list(skus))}


SAVE_COUNTED = """
    WITH changed AS (UPDATE stock_counts SET version = version + 1, changed_at = now() WHERE id = $1)
    UPDATE stock_count_lines AS line
    SET expected = found.expected, counted = found.counted, reason = found.reason, counted_at = now(), counted_by = $2
    FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[]) AS found (sku, expected, counted, reason)
    WHERE line.count_id = $1 AND line.sku = found.sku
"""


async def save_counted(tx: Transaction, count_id: str, found: Sequence[Counted], user_id: str) -> None:
    await tx.execute(
        SAVE_COUNTED,
        count_id,
        user_id,
        [one.sku for one in found],
        [one.expected for one in found],
        [one.counted for one in found],
        [one.reason for one in found],
    )


UNAPPLIED = """
    SELECT sku, expected, counted, reason FROM stock_count_lines
    WHERE count_id = $1 AND counted IS NOT NULL AND applied_at IS NULL
    ORDER BY sku LIMIT $2
"""
UNAPPLIED_OF = """
    SELECT sku, expected, counted, reason FROM stock_count_lines
    WHERE count_id = $1 AND counted IS NOT NULL AND applied_at IS NULL AND sku = ANY($3::text[])
    ORDER BY sku LIMIT $2
"""


async def unapplied(tx: Transaction, count_id: str, skus: Collection[str] | None, limit: int) -> list[Counted]:
    """What is counted of a locked count and not booked, of these SKUs or of all."""
    if skus is None:
        rows = await tx.fetch(UNAPPLIED, count_id, limit)
    else:
        rows = await tx.fetch(UNAPPLIED_OF, count_id, limit, list(skus))
    return [Counted(*row) for row in rows]


# The state is worked out last, over what is written here.
SAVE_APPLIED = """
    WITH booked AS (
        UPDATE stock_count_lines SET applied_at = now()
        WHERE count_id = $1 AND sku = ANY($2::text[]) AND counted IS NOT NULL
    )
    UPDATE stock_count_lines
    SET expected = NULL, counted = NULL, counted_at = NULL, counted_by = NULL
    WHERE count_id = $1 AND sku = ANY($3::text[])
"""


async def save_applied(tx: Transaction, count_id: str, booked: Collection[str], again: Collection[str]) -> None:
    """The first are booked, the second must be counted again."""
    await tx.execute(SAVE_APPLIED, count_id, list(booked), list(again))


# No other count's row is locked: who has locked one may wait for the items that are ours. Its lines change only under
# these.
OVERTAKE = """
    UPDATE stock_count_lines AS line
    SET expected = NULL, counted = NULL, counted_at = NULL, counted_by = NULL
    FROM stock_counts
    WHERE stock_counts.id = line.count_id AND stock_counts.state = 'open' AND stock_counts.warehouse_id = $1
      AND stock_counts.id IS DISTINCT FROM $3::uuid
      AND line.sku = ANY($2::text[]) AND line.counted IS NOT NULL AND line.applied_at IS NULL
"""


async def overtake(tx: Transaction, warehouse_id: str, skus: Collection[str], by: str | None = None) -> None:
    """What was counted of these locked SKUs, and not booked, must be counted again: another count, which is not `by`,
    has set right what it would set right once more."""
    await tx.execute(OVERTAKE, warehouse_id, list(skus), by)


END_COUNT = """
    UPDATE stock_counts
    SET version = version + 1, changed_at = now(), state = CASE
        WHEN $2 THEN 'canceled'
        WHEN EXISTS (SELECT FROM stock_count_lines WHERE count_id = $1 AND counted IS NULL)
          OR EXISTS (SELECT FROM stock_count_lines WHERE count_id = $1 AND counted IS NOT NULL AND applied_at IS NULL)
        THEN 'open'
        ELSE 'applied' END
    WHERE id = $1
"""


async def end_count(tx: Transaction, count_id: str, *, canceled: bool) -> None:
    """A locked count is canceled, or as its lines have it by now."""
    await tx.execute(END_COUNT, count_id, canceled)
