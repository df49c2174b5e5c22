"""The SQL of tax zones and shipping zones: whoever changes one holds the row that counts the changes of all."""

# ruff: noqa: S608 - what is put into the statements are the columns below, never a value

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec

from stoa.kit.db import Db, Transaction
from stoa.kit.ids import uuid7
from stoa.services.checkout.places import Place
from stoa.services.checkout.zones import Kind, Method, ShippingZone, TaxRate, TaxZone, Zone

_COLUMNS = "id, kind, name, places, rules, version, created_at, updated_at"
_RULES = {"tax": "rates", "shipping": "methods"}
_SHAPES: dict[str, type[Zone]] = {"tax": TaxZone, "shipping": ShippingZone}


class Said(NamedTuple):
    """What staff say of a zone. `rules` are its rates or its methods."""

    name: str
    places: Sequence[Place]
    rules: Sequence[TaxRate] | Sequence[Method]


def said_of(zone: Zone) -> Said:
    return Said(zone.name, zone.places, zone.rates if isinstance(zone, TaxZone) else zone.methods)


def _zone(row: asyncpg.Record) -> Any:
    said = {name: row[name] for name in ("id", "name", "places", "version", "created_at", "updated_at")}
    return msgspec.convert({**said, _RULES[row["kind"]]: row["rules"]}, _SHAPES[row["kind"]])


REVISION = "SELECT revision FROM zones_revision"


async def revision(db: Db) -> int:
    """How often any zone was changed."""
    found: int = await db.fetchval(REVISION)
    return found


ALL_ZONES = f"SELECT {_COLUMNS} FROM zones ORDER BY id"


async def all_zones(db: Db) -> list[Zone]:
    return [_zone(row) for row in await db.fetch(ALL_ZONES)]


ZONES_BEFORE = f"""
    SELECT {_COLUMNS} FROM zones
    WHERE kind = $1 AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY id DESC LIMIT $3
"""


async def zones_before(db: Db, kind: Kind, zone_id: str | None, limit: int) -> list[Any]:
    """The newest first."""
    return [_zone(row) for row in await db.fetch(ZONES_BEFORE, kind, zone_id, limit)]


ZONE = f"SELECT {_COLUMNS} FROM zones WHERE kind = $1 AND id = $2"


async def find_zone(db: Db, kind: Kind, zone_id: str) -> Any:
    """None where there is none of the kind."""
    row = await db.fetchrow(ZONE, kind, zone_id)
    return None if row is None else _zone(row)


CHANGING = "UPDATE zones_revision SET revision = revision + 1"
ZONES_OF = f"SELECT {_COLUMNS} FROM zones WHERE kind = $1 ORDER BY id"


async def lock_zones(tx: Transaction, kind: Kind) -> list[Any]:
    """All of the kind; nobody else changes any until the end of the transaction, which changes one."""
    await tx.execute(CHANGING)
    return [_zone(row) for row in await tx.fetch(ZONES_OF, kind)]


ADD_ZONE = f"INSERT INTO zones (id, kind, name, places, rules) VALUES ($1, $2, $3, $4, $5) RETURNING {_COLUMNS}"


async def add_zone(tx: Transaction, kind: Kind, said: Said) -> Any:
    (row,) = await tx.fetch(ADD_ZONE, uuid7(), kind, *said)
    return _zone(row)


CHANGE_ZONE = f"""
    UPDATE zones SET name = $2, places = $3, rules = $4, version = version + 1, updated_at = now() WHERE id = $1
    RETURNING {_COLUMNS}
"""


async def change_zone(tx: Transaction, zone_id: str, said: Said) -> Any:
    (row,) = await tx.fetch(CHANGE_ZONE, zone_id, *said)
    return _zone(row)


REMOVE_ZONE = "DELETE FROM zones WHERE id = $1"


async def remove_zone(tx: Transaction, zone_id: str) -> None:
    await tx.execute(REMOVE_ZONE, zone_id)
