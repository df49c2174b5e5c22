"""The SQL of what came too late: returns that were booked, and sales and returns that could not be."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from stoa.kit.db import Db, Transaction, affected
from stoa.services.inventory.reservation import Lines


class DiscrepancyRow(NamedTuple):
    id: int
    kind: str
    order_id: str
    return_id: str | None
    number: str
    detail: str
    lines: dict[str, int]
    noted_at: datetime


NOTE_RESTOCK = "INSERT INTO restocks (return_id, order_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"


async def note_restock(tx: Transaction, return_id: str, order_id: str) -> bool:
    """False where this return was noted before."""
    return affected(await tx.execute(NOTE_RESTOCK, return_id, order_id)) == 1


NOTE_DISCREPANCY = """
    INSERT INTO stock_discrepancies (kind, order_id, return_id, number, detail, lines)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING
"""


async def note_discrepancy(
    tx: Transaction, kind: str, *, order_id: str, return_id: str | None, number: str, detail: str, lines: Lines
) -> None:
    """Once per order or return, however often it is noted."""
    await tx.execute(NOTE_DISCREPANCY, kind, order_id, return_id, number, detail, dict(lines))


DISCREPANCIES_AFTER = """
    SELECT id, kind, order_id, return_id, number, detail, lines, noted_at FROM stock_discrepancies
    WHERE settled_at IS NULL AND id > coalesce($1::bigint, 0)
    ORDER BY id
    LIMIT $2
"""


async def discrepancies_after(db: Db, discrepancy_id: int | None, limit: int) -> list[DiscrepancyRow]:
    """Those that nobody has settled, the oldest first."""
    return [DiscrepancyRow(*row) for row in await db.fetch(DISCREPANCIES_AFTER, discrepancy_id, limit)]


SETTLE_DISCREPANCY = """
    UPDATE stock_discrepancies SET settled_at = now(), note = $2
    WHERE id = $1 AND settled_at IS NULL
"""


async def settle_discrepancy(db: Db, discrepancy_id: int, note: str) -> bool:
    return affected(await db.execute(SETTLE_DISCREPANCY, discrepancy_id, note)) == 1


SETTLE_ORDER = """
    UPDATE stock_discrepancies SET settled_at = now(), note = $2
    WHERE order_id = $1 AND kind = 'sold_unreserved' AND settled_at IS NULL
"""


async def settle_order(tx: Transaction, order_id: str, note: str) -> None:
    """A sale without stock is no longer one."""
    await tx.execute(SETTLE_ORDER, order_id, note)
