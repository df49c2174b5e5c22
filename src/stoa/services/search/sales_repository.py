"""The SQL of what was sold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from stoa.kit.db import Db, Transaction, affected, later
from stoa.services.search.popularity import FADES_AFTER, LEAST, worth


@dataclass(frozen=True, slots=True)
class Line:
    """Of an order: what did not come back of it. One without a product stands for an order that does not count."""

    order_id: str
    sku: str
    product_id: str | None
    units: int
    weight: float
    sold_at: datetime


HOLD_LINES = """
    SELECT order_id, sku, product_id, units, weight, sold_at FROM sold WHERE order_id = ANY ($1::uuid[])
    ORDER BY order_id, sku FOR UPDATE
"""


async def hold_lines(tx: Transaction, orders: Collection[str]) -> dict[str, dict[str, Line]]:
    """By order, of those that are known, and by SKU."""
    found: dict[str, dict[str, Line]] = defaultdict(dict)
    for row in await tx.fetch(HOLD_LINES, list(orders)):
        found[row["order_id"]][row["sku"]] = Line(**row)
    return found


KEEP_LINES = """
    INSERT INTO sold (order_id, sku, product_id, units, weight, sold_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::integer[], $5::float8[], $6::timestamptz[])
        AS line (order_id, sku, product_id, units, weight, sold_at)
    ORDER BY order_id, sku
    ON CONFLICT (order_id, sku) DO UPDATE SET units = excluded.units, weight = excluded.weight
"""


async def keep_lines(tx: Transaction, lines: Collection[Line]) -> None:
    """Those that are held, as they are by now, or new ones."""
    if lines:
        await later(tx, KEEP_LINES, *columns(lines))


def columns(lines: Collection[Line]) -> list[list[object]]:
    """The lines as arrays of what each has."""
    return [[getattr(line, name) for line in lines] for name in Line.__slots__]


# In the order of the keys; who was sold meanwhile has been worked out anew, and is passed over.
FADE = """
    WITH oldest AS MATERIALIZED (
        SELECT product_id FROM popularity WHERE as_of < $1 ORDER BY as_of LIMIT $5
    ), held AS MATERIALIZED (
        SELECT product_id, weight * $3 AS worth FROM popularity JOIN oldest USING (product_id)
        WHERE as_of < $1 ORDER BY product_id FOR UPDATE OF popularity
    ), ended AS (
        DELETE FROM popularity USING held WHERE popularity.product_id = held.product_id AND worth < $4
    ), faded AS (
        UPDATE popularity SET popularity = worth, as_of = $2
        FROM held WHERE popularity.product_id = held.product_id AND worth >= $4
    )
    INSERT INTO stale AS known (subject, ask) SELECT product_id::text, false FROM held ORDER BY 1
    ON CONFLICT (subject) DO UPDATE SET mark = excluded.mark
"""


async def fade(db: Db, now: datetime, most: int) -> int:
    """Work out anew what was worked out longest ago, and end what is less than the least; of how many products."""
    return affected(await db.execute(FADE, now - FADES_AFTER, now, worth(now), LEAST, most))


FORGET_LINES = """
    DELETE FROM sold WHERE (order_id, sku) IN (
        SELECT order_id, sku FROM sold WHERE sold_at < $1 ORDER BY sold_at LIMIT $2
    )
"""


async def forget_lines(db: Db, before: datetime, most: int) -> int:
    """So many of the oldest; how many."""
    return affected(await db.execute(FORGET_LINES, before, most))
