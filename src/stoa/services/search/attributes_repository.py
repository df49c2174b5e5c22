"""The SQL of the shop's attributes. Each change counts in `feed`, by which every process learns of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoa.kit.db import Db, Transaction
from stoa.services.search.attributes import Attribute

READ_ATTRIBUTES = "SELECT attribute FROM attributes ORDER BY name"


async def attributes(db: Db) -> list[Attribute]:
    """All of them."""
    return [msgspec.convert(row["attribute"], Attribute) for row in await db.fetch(READ_ATTRIBUTES)]


KEEP_ATTRIBUTES = """
    INSERT INTO attributes AS known (name, attribute)
    SELECT * FROM unnest($1::text[], $2::jsonb[]) AS told (name, attribute) ORDER BY name
    ON CONFLICT (name) DO UPDATE SET attribute = excluded.attribute WHERE known.attribute <> excluded.attribute
"""
REMOVE_ATTRIBUTES = "DELETE FROM attributes WHERE name <> ALL ($1::text[])"
COUNT_CHANGE = "UPDATE feed SET attributes_revision = attributes_revision + 1"


async def keep_attributes(tx: Transaction, told: Sequence[Attribute]) -> None:
    """All that there are now, with the feed held."""
    names = [one.name for one in told]
    await tx.execute(KEEP_ATTRIBUTES, names, list(told))
    await tx.execute(REMOVE_ATTRIBUTES, names)
    await tx.execute(COUNT_CHANGE)
