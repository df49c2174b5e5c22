"""The SQL of what is published and unpublished at its time."""

from __future__ import annotations

from stoa.kit.db import Db, Transaction
from stoa.services.catalog.repository import Changed

# As the index has it. What is archived, or a draft, is not due whatever its dates.
_DUE = "CASE status WHEN 'scheduled' THEN publish_at WHEN 'active' THEN unpublish_at END"

SECONDS_TO_NEXT = f"""
    SELECT extract(epoch FROM {_DUE} - now())::double precision FROM products
    WHERE {_DUE} IS NOT NULL ORDER BY {_DUE} LIMIT 1
"""  # noqa: S608 - a constant of ours


async def seconds_to_next(db: Db) -> float | None:
    """Until the next product falls due; less than nothing for one that is."""
    seconds: float | None = await db.fetchval(SECONDS_TO_NEXT)
    return seconds


# Whoever holds a product may want the next one of ours: he is not waited for.
TURN_DUE = f"""
    UPDATE products
    SET status = status_at('active', publish_at, unpublish_at, now()), version = version + 1, updated_at = now()
    WHERE id = ANY(ARRAY(
        SELECT id FROM products WHERE {_DUE} <= now() ORDER BY {_DUE} LIMIT $1
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING id, slug, version, seller_id
"""  # noqa: S608 - a constant of ours


async def turn_due(tx: Transaction, most: int) -> list[Changed]:
    """Of those that are due the first `most` that nobody holds; each version goes up by one."""
    return [Changed(*row) for row in await tx.fetch(TURN_DUE, most)]
