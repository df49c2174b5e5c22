"""All of catalog's SQL about price lists: who changes one, or prices in it, holds its row."""

# ruff: noqa: S608 - what is put into the statements are the columns below, never a value

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import asyncpg

from stoa.kit.db import Db, Transaction
from stoa.services.catalog.errors import SlugTaken
from stoa.services.catalog.product import is_id

ListStatus = Literal["draft", "active", "archived"]


class PriceList(NamedTuple):
    """`customer_group` None: for everybody; no `countries`: wherever the goods go. `version` counts its changes, those
    of prices in it among them."""

    id: str
    slug: str
    name: str
    currency: str
    customer_group: str | None
    countries: Sequence[str]
    priority: int
    starts_at: datetime | None
    ends_at: datetime | None
    status: ListStatus
    version: int
    created_at: datetime
    updated_at: datetime


class Tier(NamedTuple):
    least_quantity: int
    amount_minor: int


class Listed(NamedTuple):
    """A price in a list."""

    sku: str
    variant_id: str
    least_quantity: int
    amount_minor: int


class Found(NamedTuple):
    id: str
    product_id: str


_COLUMNS = ", ".join(PriceList._fields)

LISTS_BEFORE = f"""
    SELECT {_COLUMNS} FROM price_lists WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id DESC LIMIT $2
"""


async def lists_before(db: Db, list_id: str | None, limit: int) -> list[PriceList]:
    """The newest first."""
    return [PriceList(*row) for row in await db.fetch(LISTS_BEFORE, list_id, limit)]


LIST_BY_ID = f"SELECT {_COLUMNS} FROM price_lists WHERE id = $1"
LIST_BY_SLUG = f"SELECT {_COLUMNS} FROM price_lists WHERE slug = $1"


async def find_list(db: Db, id_or_slug: str) -> PriceList | None:
    row = await db.fetchrow(LIST_BY_ID if is_id(id_or_slug) else LIST_BY_SLUG, id_or_slug)
    return None if row is None else PriceList(*row)


LOCK_LIST_BY_ID = LIST_BY_ID + " FOR NO KEY UPDATE"
LOCK_LIST_BY_SLUG = LIST_BY_SLUG + " FOR NO KEY UPDATE"


async def lock_list(tx: Transaction, id_or_slug: str) -> PriceList | None:
    row = await tx.fetchrow(LOCK_LIST_BY_ID if is_id(id_or_slug) else LOCK_LIST_BY_SLUG, id_or_slug)
    return None if row is None else PriceList(*row)


# Those who add one wait for each other, so that there are never more than may be.
LOCK_LISTS = "LOCK TABLE price_lists IN SHARE ROW EXCLUSIVE MODE"
COUNT_LISTS = "SELECT count(*) FROM (SELECT id FROM price_lists ORDER BY id LIMIT $1) AS one"


async def count_lists(tx: Transaction, most: int) -> int:
    """How many there are, or `most`; nobody adds one until the end of the transaction."""
    await tx.execute(LOCK_LISTS)
    found: int = await tx.fetchval(COUNT_LISTS, most)
    return found


ADD_LIST = f"""
    INSERT INTO price_lists ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (slug) DO NOTHING
"""


async def add_list(tx: Transaction, new: PriceList) -> None:
    """Raises `SlugTaken`."""
    if await tx.execute(ADD_LIST, *new) != "INSERT 0 1":
        raise SlugTaken(new.slug)


CHANGE_LIST = f"""
    UPDATE price_lists
    SET slug = $2, name = $3, currency = $4, customer_group = $5, countries = $6, priority = $7, starts_at = $8,
        ends_at = $9, status = $10, version = version + 1, updated_at = now()
    WHERE id = $1
    RETURNING {_COLUMNS}
"""


async def change_list(tx: Transaction, after: PriceList) -> PriceList:
    """A locked one; as it is then, one version on. Raises `SlugTaken`."""
    try:
        row = await tx.fetchrow(CHANGE_LIST, *after[:10])
    except asyncpg.UniqueViolationError:
        raise SlugTaken(after.slug) from None
    assert row is not None  # locked
    return PriceList(*row)


PRICES_AFTER = """
    SELECT variant.sku, variant.id AS variant_id, price.least_quantity, price.amount_minor
    FROM prices AS price JOIN variants AS variant ON variant.id = price.variant_id
    WHERE price.list_id = $1 AND (price.variant_id, price.least_quantity) > ($2, $3)
    ORDER BY price.variant_id, price.least_quantity
    LIMIT $4
"""
_FIRST = ("00000000-0000-0000-0000-000000000000", 0)


async def prices_after(db: Db, list_id: str, after: tuple[str, int] | None, limit: int) -> list[Listed]:
    """Of a list, in the order of the variants' ids."""
    return [Listed(*row) for row in await db.fetch(PRICES_AFTER, list_id, *(after or _FIRST), limit)]


VARIANTS_NAMED = "SELECT sku, id, product_id FROM variants WHERE sku = ANY($1::text[]) AND archived_at IS NULL"


async def variants_named(tx: Transaction, skus: Iterable[str]) -> dict[str, Found]:
    return {row["sku"]: Found(row["id"], row["product_id"]) for row in await tx.fetch(VARIANTS_NAMED, list(skus))}


TIERS_OF = """
    SELECT variant_id, least_quantity, amount_minor FROM prices WHERE list_id = $1 AND variant_id = ANY($2::uuid[])
    ORDER BY variant_id, least_quantity
"""


async def tiers_of(tx: Transaction, list_id: str, variant_ids: Iterable[str]) -> dict[str, list[Tier]]:
    """By variant id, from the least quantity on; without those that have none."""
    found: dict[str, list[Tier]] = {}
    for variant_id, *tier in await tx.fetch(TIERS_OF, list_id, list(variant_ids)):
        found.setdefault(variant_id, []).append(Tier(*tier))
    return found


FORGET_TIERS = "DELETE FROM prices WHERE list_id = $1 AND variant_id = ANY($2::uuid[])"
ADD_TIERS = """
    INSERT INTO prices (list_id, variant_id, least_quantity, amount_minor)
    SELECT $1, variant_id, least_quantity, amount_minor
    FROM jsonb_to_recordset($2) AS new (variant_id uuid, least_quantity integer, amount_minor bigint)
    ORDER BY variant_id, least_quantity
"""


async def set_tiers(tx: Transaction, list_id: str, tiers: Mapping[str, Sequence[Tier]]) -> None:
    """In a locked list: all that it says of each variant, by its id; nothing where there are no tiers."""
    await tx.execute(FORGET_TIERS, list_id, list(tiers))
    new: list[dict[str, Any]] = [
        {"variant_id": variant_id, **tier._asdict()} for variant_id, some in tiers.items() for tier in some
    ]
    await tx.execute(ADD_TIERS, list_id, new)
