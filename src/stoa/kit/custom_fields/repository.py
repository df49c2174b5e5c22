"""The SQL of definitions, in the database of the service whose things they are for.

Who changes a definition holds the table, which others go on reading: they are few, and change rarely.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec

from stoa.kit.custom_fields.definition import CustomField, CustomFieldBody, Entity
from stoa.kit.custom_fields.values import Known
from stoa.kit.db import Db, Transaction

DEFINITIONS = "SELECT * FROM custom_fields WHERE entity = $1 ORDER BY name"


async def definitions(db: Db, entity: Entity) -> Known:
    """Those of an entity, by name and in that order."""
    return {row["name"]: (row["id"], _field(row)) for row in await db.fetch(DEFINITIONS, entity.name)}


HOLD_DEFINITIONS = "LOCK TABLE custom_fields IN SHARE ROW EXCLUSIVE MODE"


async def hold_definitions(tx: Transaction, entity: Entity) -> Known:
    """The same, as nobody else changes them until the transaction ends."""
    await tx.execute(HOLD_DEFINITIONS)
    return await definitions(tx, entity)


ADD_DEFINITION = """
    INSERT INTO custom_fields (
        entity, name, type, label, min, max, earliest, latest, max_length, choices, public, filterable
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    RETURNING *
"""


async def add_definition(tx: Transaction, entity: Entity, name: str, new: CustomFieldBody) -> CustomField:
    row = await tx.fetchrow(ADD_DEFINITION, entity.name, name, *_columns(new))
    assert row is not None
    return _field(row)


CHANGE_DEFINITION = """
    UPDATE custom_fields SET
        type = $3, label = $4, min = $5, max = $6, earliest = $7, latest = $8, max_length = $9, choices = $10,
        public = $11, filterable = $12, version = version + 1, updated_at = now()
    WHERE entity = $1 AND name = $2
    RETURNING *
"""


async def change_definition(tx: Transaction, entity: Entity, name: str, wanted: CustomFieldBody) -> CustomField:
    row = await tx.fetchrow(CHANGE_DEFINITION, entity.name, name, *_columns(wanted))
    assert row is not None
    return _field(row)


REMOVE_DEFINITION = "DELETE FROM custom_fields WHERE entity = $1 AND name = $2"


async def remove_definition(tx: Transaction, entity: Entity, name: str) -> None:
    """Nobody sees its values any more. They leave the rows when those are written the next time."""
    await tx.execute(REMOVE_DEFINITION, entity.name, name)


def _columns(field: CustomFieldBody) -> tuple[Any, ...]:
    return (
        field.type,
        field.label,
        field.min,
        field.max,
        field.earliest,
        field.latest,
        field.max_length,
        list(field.choices),
        field.public,
        field.filterable,
    )


def _field(row: asyncpg.Record) -> CustomField:
    return msgspec.convert({name: row[name] for name in CustomField.__struct_fields__}, CustomField)
