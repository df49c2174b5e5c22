"""The SQL of what an export has to know of all products before its first line: what each shop names itself."""

from __future__ import annotations

from collections.abc import Collection

from stoa.kit.db import Db

# A product with a type keeps them by the numbers of its attributes, and shows those that its type has.
SPECIFICATIONS = """
    WITH kept AS (
        SELECT DISTINCT product_type_id AS type_id, jsonb_object_keys(specifications) AS key FROM products
        WHERE status = ANY($1::text[]) AND ($2::uuid[] IS NULL OR seller_id = ANY($2))
    )
    SELECT key AS name FROM kept WHERE type_id IS NULL
    UNION
    SELECT attribute.name FROM kept
    JOIN product_type_attributes AS used ON used.type_id = kept.type_id
    JOIN attributes AS attribute ON attribute.id = used.attribute_id AND attribute.id::text = kept.key
    ORDER BY name
"""


async def specifications(db: Db, statuses: Collection[str], sellers: Collection[str] | None) -> list[str]:
    """The names of all that these products say of themselves."""
    return await _names(db, SPECIFICATIONS, statuses, sellers)


METADATA = """
    SELECT DISTINCT jsonb_object_keys(metadata) AS name FROM products
    WHERE status = ANY($1::text[]) AND ($2::uuid[] IS NULL OR seller_id = ANY($2))
    ORDER BY name
"""


async def metadata(db: Db, statuses: Collection[str], sellers: Collection[str] | None) -> list[str]:
    """The keys of theirs."""
    return await _names(db, METADATA, statuses, sellers)


VARIANT_METADATA = """
    SELECT DISTINCT jsonb_object_keys(variants.metadata) AS name
    FROM variants JOIN products ON products.id = variants.product_id
    WHERE variants.archived_at IS NULL AND status = ANY($1::text[]) AND ($2::uuid[] IS NULL OR seller_id = ANY($2))
    ORDER BY name
"""


async def variant_metadata(db: Db, statuses: Collection[str], sellers: Collection[str] | None) -> list[str]:
    """Those of their variants."""
    return await _names(db, VARIANT_METADATA, statuses, sellers)


async def _names(db: Db, statement: str, statuses: Collection[str], sellers: Collection[str] | None) -> list[str]:
    rows = await db.fetch(statement, list(statuses), None if sellers is None else list(sellers))
    return [row["name"] for row in rows]
