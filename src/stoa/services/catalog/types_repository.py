"""The SQL of attributes and product types. Who changes one holds the table of attributes, which others go on reading:
they are few, and change rarely."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import asyncpg
import msgspec

from stoa.kit.db import Db, Transaction
from stoa.services.catalog.attributes import Attribute, AttributeBody
from stoa.services.catalog.product_types import ProductType, Types, Use

HOLD_DEFINITIONS = "LOCK TABLE attributes IN SHARE ROW EXCLUSIVE MODE"


async def hold_definitions(tx: Transaction) -> None:
    """Nobody else changes an attribute or a type until the transaction ends."""
    await tx.execute(HOLD_DEFINITIONS)


# ------------------------------------------------------------------------------------------------ attributes

ATTRIBUTES_AFTER = "SELECT * FROM attributes WHERE name > $1 ORDER BY name LIMIT $2"


async def attributes_after(db: Db, name: str, limit: int) -> list[Attribute]:
    return [_attribute(row) for row in await db.fetch(ATTRIBUTES_AFTER, name, limit)]


ATTRIBUTES_NAMED = "SELECT * FROM attributes WHERE name = ANY($1::text[])"


async def attributes_named(db: Db, names: Collection[str]) -> dict[str, Attribute]:
    return {row["name"]: _attribute(row) for row in await db.fetch(ATTRIBUTES_NAMED, list(names))}


COUNT_ATTRIBUTES = "SELECT count(*) FROM attributes"


async def count_attributes(tx: Transaction) -> int:
    found: int = await tx.fetchval(COUNT_ATTRIBUTES)
    return found


ADD_ATTRIBUTE = """
    INSERT INTO attributes (
        name, type, label, unit, min, max, earliest, latest, max_length, choices, filterable
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    RETURNING *
"""


async def add_attribute(tx: Transaction, name: str, new: AttributeBody) -> Attribute:
    row = await tx.fetchrow(ADD_ATTRIBUTE, name, *_columns(new))
    assert row is not None
    return _attribute(row)


CHANGE_ATTRIBUTE = """
    UPDATE attributes SET
        type = $2, label = $3, unit = $4, min = $5, max = $6, earliest = $7, latest = $8, max_length = $9,
        choices = $10, filterable = $11, version = version + 1, updated_at = now()
    WHERE name = $1
    RETURNING *
"""


async def change_attribute(tx: Transaction, name: str, wanted: AttributeBody) -> Attribute:
    row = await tx.fetchrow(CHANGE_ATTRIBUTE, name, *_columns(wanted))
    assert row is not None
    return _attribute(row)


TYPES_WITH = """
    SELECT type.slug FROM product_type_attributes AS used JOIN product_types AS type ON type.id = used.type_id
    WHERE used.attribute_id = $1
    ORDER BY type.slug
"""


async def types_with(tx: Transaction, attribute_id: int) -> list[str]:
    """The slugs of the types that have the attribute."""
    return [row["slug"] for row in await tx.fetch(TYPES_WITH, attribute_id)]


REMOVE_ATTRIBUTE = "DELETE FROM attributes WHERE id = $1"


async def remove_attribute(tx: Transaction, attribute_id: int) -> None:
    """Of which no type has it. What products kept of it is seen no more, and leaves them with their next change."""
    await tx.execute(REMOVE_ATTRIBUTE, attribute_id)


def _columns(body: AttributeBody) -> tuple[Any, ...]:
    return (
        body.type,
        body.label,
        body.unit,
        body.min,
        body.max,
        body.earliest,
        body.latest,
        body.max_length,
        list(body.choices),
        body.filterable,
    )


def _attribute(row: asyncpg.Record) -> Attribute:
    return msgspec.convert(dict(row), Attribute)


# ----------------------------------------------------------------------------------------------------- types

_TYPES = """
    SELECT type.id, type.slug, type.name, type.version, type.created_at, type.updated_at, (
        SELECT coalesce(jsonb_agg(
            jsonb_build_object('required', used.required, 'attribute', to_jsonb(attribute)) ORDER BY used.position
        ), '[]')
        FROM product_type_attributes AS used JOIN attributes AS attribute ON attribute.id = used.attribute_id
        WHERE used.type_id = type.id
    ) AS attributes
    FROM product_types AS type
"""

TYPES_AFTER = _TYPES + "WHERE type.slug > $1 ORDER BY type.slug LIMIT $2"


async def types_after(db: Db, slug: str, limit: int) -> list[ProductType]:
    return [_type(row) for row in await db.fetch(TYPES_AFTER, slug, limit)]


TYPES_NAMED = _TYPES + "WHERE type.slug = ANY($1::text[]) OR type.id = ANY($2::uuid[])"


async def types_named(db: Db, slugs: Collection[str], ids: Collection[str]) -> Types:
    """Those that exist."""
    return _by_both(await db.fetch(TYPES_NAMED, list(slugs), list(ids)))


# In the order of their ids, against removal until the products that name them are written.
KEEP_TYPES = TYPES_NAMED + " ORDER BY type.id FOR KEY SHARE OF type"


async def keep_types(tx: Transaction, slugs: Collection[str], ids: Collection[str]) -> Types:
    """The same, and none of them goes until the end of the transaction."""
    return _by_both(await tx.fetch(KEEP_TYPES, list(slugs), list(ids)))


def _by_both(rows: Sequence[asyncpg.Record]) -> Types:
    types = [_type(row) for row in rows]
    return {key: one for one in types for key in (one.slug, one.id)}


ADD_TYPE = "INSERT INTO product_types (id, slug, name) VALUES ($1, $2, $3) ON CONFLICT (slug) DO NOTHING"


async def add_type(tx: Transaction, type_id: str, slug: str, name: str) -> None:
    await tx.execute(ADD_TYPE, type_id, slug, name)


CHANGE_TYPE = """
    UPDATE product_types SET slug = $2, name = $3, version = version + 1, updated_at = now() WHERE id = $1
"""


async def change_type(tx: Transaction, type_id: str, slug: str, name: str) -> None:
    await tx.execute(CHANGE_TYPE, type_id, slug, name)


FORGET_USES = "DELETE FROM product_type_attributes WHERE type_id = $1"
WRITE_USES = """
    INSERT INTO product_type_attributes (type_id, attribute_id, position, required)
    SELECT $1, attribute.id, new.position, new.required
    FROM unnest($2::text[], $3::boolean[]) WITH ORDINALITY AS new (name, required, position)
    JOIN attributes AS attribute ON attribute.name = new.name
"""


async def write_uses(tx: Transaction, type_id: str, uses: Sequence[Use]) -> None:
    """In this order, and no others."""
    await tx.execute(FORGET_USES, type_id)
    await tx.execute(WRITE_USES, type_id, [use.attribute for use in uses], [use.required for use in uses])


# Waits for everybody who has given a product the type and not committed; who comes later finds that it is gone.
LOCK_TYPE = "SELECT FROM product_types WHERE id = $1 FOR UPDATE"
TYPE_HAS_PRODUCTS = "SELECT EXISTS (SELECT FROM products WHERE product_type_id = $1)"


async def type_has_products(tx: Transaction, type_id: str) -> bool:
    """Archived ones, too; and nobody gives it to another until the end of the transaction."""
    await tx.execute(LOCK_TYPE, type_id)
    found: bool = await tx.fetchval(TYPE_HAS_PRODUCTS, type_id)
    return found


REMOVE_TYPE = "DELETE FROM product_types WHERE id = $1"


async def remove_type(tx: Transaction, type_id: str) -> None:
    """Of which there are no products."""
    await tx.execute(REMOVE_TYPE, type_id)


def _type(row: asyncpg.Record) -> ProductType:
    return msgspec.convert(dict(row), ProductType)
