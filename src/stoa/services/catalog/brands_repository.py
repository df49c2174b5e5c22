"""The SQL of brands. Who renames or merges one holds its row, and whoever gives a product its name shares it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import asyncpg

from stoa.kit.db import Db, Transaction
from stoa.services.catalog.brands import Brand, BrandBody
from stoa.services.catalog.errors import SlugTaken
from stoa.services.catalog.repository import Changed
from stoa.services.catalog.seo import kept_seo, seo_of


class NewName(NamedTuple):
    """A name that nobody has: the brand that it makes, and its slug, or another where that is taken."""

    id: str
    name: str
    slug: str
    other_slug: str


class UnsettledName(NamedTuple):
    """What products are still called, and what their brand's name is."""

    name: str
    now: str


_BRANDS = "SELECT id, slug, name, description, logo_url, seo, version, created_at, updated_at FROM brands "

# Whether something of it is sold, by any of its names: products follow a rename in rounds. Each name is one look into
# the index, by a range: with `brand = name` PostgreSQL would look for the first such product among all that are sold.
_IS_SOLD = """
    (
        SELECT true FROM brand_names AS known CROSS JOIN LATERAL (
            SELECT FROM products
            WHERE brand BETWEEN known.name AND known.name AND standing = 'active'
            ORDER BY brand, standing, id LIMIT 1
        ) AS sold
        WHERE known.brand_id = brands.id LIMIT 1
    )
"""

BRANDS_AFTER = _BRANDS + f"WHERE slug > $1 AND ($3 OR {_IS_SOLD}) ORDER BY slug LIMIT $2"


async def brands_after(db: Db, slug: str, limit: int, *, hidden: bool) -> list[Brand]:
    """In the order of their slugs; those of which nothing is sold only if `hidden`."""
    return [_brand(row) for row in await db.fetch(BRANDS_AFTER, slug, limit, hidden)]


BRAND_BY_ID = _BRANDS + f"WHERE id = $1 AND ($2 OR {_IS_SOLD})"
BRAND_BY_SLUG = _BRANDS + f"WHERE slug = $1 AND ($2 OR {_IS_SOLD})"

# Whose slug it is, or else whose it was last.
_OF_SLUG = """
    WHERE id = coalesce(
        (SELECT id FROM brands WHERE slug = $1),
        (SELECT thing_id FROM old_slugs WHERE kind = 'brand' AND slug = $1)
    )
"""

BRAND_LED_TO = _BRANDS + _OF_SLUG + f"AND ($2 OR {_IS_SOLD})"


async def brand_by_id(db: Db, brand_id: str, *, hidden: bool = True) -> Brand | None:
    row = await db.fetchrow(BRAND_BY_ID, brand_id, hidden)
    return None if row is None else _brand(row)


async def brand_by_slug(db: Db, slug: str, *, hidden: bool = True) -> Brand | None:
    row = await db.fetchrow(BRAND_BY_SLUG, slug, hidden)
    return None if row is None else _brand(row)


async def brand_led_to(db: Db, slug: str, *, hidden: bool) -> Brand | None:
    """By a slug that it had before, too: then it has another."""
    row = await db.fetchrow(BRAND_LED_TO, slug, hidden)
    return None if row is None else _brand(row)


NAME_MEANT = """
    SELECT name FROM (
        SELECT 0 AS place, brand.name FROM brand_names AS known JOIN brands AS brand ON brand.id = known.brand_id
        WHERE known.name = $1
        UNION ALL
        SELECT 1, name FROM brands WHERE slug = $1
        UNION ALL
        SELECT 2, brand.name FROM old_slugs AS old JOIN brands AS brand ON brand.id = old.thing_id
        WHERE old.kind = 'brand' AND old.slug = $1
    ) AS meant
    ORDER BY place LIMIT 1
"""


async def name_meant(db: Db, name_or_slug: str) -> str | None:
    """The name of the brand that has or had this name, or else of the one that has or had this slug."""
    name: str | None = await db.fetchval(NAME_MEANT, name_or_slug)
    return name


SPELLINGS = """
    SELECT asked.said, brands.name FROM unnest($1::text[], $2::text[]) AS asked (said, slug)
    JOIN brands ON brands.slug = asked.slug AND (brands.slug = asked.said OR lower(brands.name) = lower(asked.said))
    WHERE NOT EXISTS (SELECT FROM brand_names AS known WHERE known.name = asked.said)
"""


async def spellings(db: Db, slugs: Mapping[str, str]) -> dict[str, str]:
    """Of names that no brand has or had, each with its slug, those that are a brand's but for their case, or its slug:
    with what that is called."""
    return {row["said"]: row["name"] for row in await db.fetch(SPELLINGS, list(slugs), list(slugs.values()))}


class Meant(NamedTuple):
    """By what somebody may mean a brand: its slug, all names that it has or had, and slugs that it had."""

    slug: str
    names: Sequence[str]
    old_slugs: Sequence[str]


# Of old slugs only those of brands have a brand's id: the kind, which is first in another index, need not be said.
MEANT_BY = """
    SELECT known.name, brand.slug, ARRAY(
        SELECT every.name FROM brand_names AS every WHERE every.brand_id = brand.id ORDER BY every.name
    ) AS names, ARRAY(
        SELECT old.slug FROM old_slugs AS old WHERE old.thing_id = brand.id ORDER BY old.slug
    ) AS old_slugs
    FROM brand_names AS known JOIN brands AS brand ON brand.id = known.brand_id
    WHERE known.name = ANY($1::text[])
"""


async def meant_by(db: Db, names: Collection[str]) -> dict[str, Meant]:
    """Of the brands that have or had those names."""
    if not names:
        return {}
    rows = await db.fetch(MEANT_BY, list(names))
    return {row["name"]: Meant(row["slug"], row["names"], row["old_slugs"]) for row in rows}


NAMES_LEFT = """
    SELECT known.name, brand.name FROM brand_names AS known JOIN brands AS brand ON brand.id = known.brand_id
    WHERE known.name = ANY($1::text[]) AND known.name <> brand.name
"""


async def names_left(db: Db, names: Collection[str]) -> dict[str, str]:
    """Of those names the ones that a brand no longer has, and what it is called instead."""
    return {row[0]: row[1] for row in await db.fetch(NAMES_LEFT, list(names))}


# In the order of their ids, as all do who lock several.
KEEP_NAMES = """
    SELECT known.name, brand.name FROM brand_names AS known JOIN brands AS brand ON brand.id = known.brand_id
    WHERE known.name = ANY($1::text[])
    ORDER BY brand.id
    FOR SHARE OF brand
"""


async def keep_names(tx: Transaction, names: Collection[str]) -> dict[str, str]:
    """What the brands of those names are called, and none is renamed until the end of the transaction. A name may be
    missing that is being given to another brand at the moment."""
    return {row[0]: row[1] for row in await tx.fetch(KEEP_NAMES, list(names))}


ADD_BRANDS = """
    WITH new AS (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS new (id, name, slug, other_slug)
    ), free AS (
        INSERT INTO brand_names (name, brand_id) SELECT name, id FROM new ORDER BY name
        ON CONFLICT (name) DO NOTHING
        RETURNING brand_id
    ), first AS (
        INSERT INTO brands (id, slug, name)
        SELECT id, slug, name FROM new WHERE id IN (SELECT brand_id FROM free) ORDER BY slug, name
        ON CONFLICT (slug) DO NOTHING
        RETURNING id, slug, name
    ), second AS (
        INSERT INTO brands (id, slug, name)
        SELECT id, other_slug, name FROM new
        WHERE id IN (SELECT brand_id FROM free) AND id NOT IN (SELECT id FROM first)
        RETURNING id, slug, name
    )
    SELECT * FROM first UNION ALL SELECT * FROM second
"""


async def add_brands(tx: Transaction, new: Sequence[NewName]) -> list[tuple[str, str, str]]:
    """Of the names that nobody had: id, slug and name."""
    columns = [list(column) for column in zip(*new, strict=True)]
    return [tuple(row) for row in await tx.fetch(ADD_BRANDS, *columns)]


ADD_BRAND = """
    WITH free AS (
        INSERT INTO brand_names (name, brand_id) VALUES ($2, $1) ON CONFLICT (name) DO NOTHING RETURNING brand_id
    )
    INSERT INTO brands (id, name, slug, description, logo_url, seo)
    SELECT brand_id, $2, $3, $4, $5, $6 FROM free
    RETURNING id, slug, name, description, logo_url, seo, version, created_at, updated_at
"""


async def add_brand(tx: Transaction, brand_id: str, slug: str, new: BrandBody) -> Brand | None:
    """None where a brand has or had the name. Raises `SlugTaken`."""
    seo = kept_seo(new.seo)
    try:
        row = await tx.fetchrow(ADD_BRAND, brand_id, new.name, slug, new.description, new.logo_url, seo)
    except asyncpg.UniqueViolationError:
        raise SlugTaken(slug) from None
    return None if row is None else _brand(row)


LOCK_BRANDS = "SELECT FROM brands WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
BRANDS_OF = _BRANDS + "WHERE id = ANY($1::uuid[])"


async def lock_brands(tx: Transaction, brand_ids: Collection[str]) -> dict[str, Brand]:
    """By id, as they were committed last. Waits for everybody who gives a product one of their names."""
    await tx.execute(LOCK_BRANDS, list(brand_ids))
    return {row["id"]: _brand(row) for row in await tx.fetch(BRANDS_OF, list(brand_ids))}


CHANGE_BRAND = """
    UPDATE brands SET name = $2, slug = $3, description = $4, logo_url = $5, seo = $6, version = version + 1,
        updated_at = now()
    WHERE id = $1
    RETURNING id, slug, name, description, logo_url, seo, version, created_at, updated_at
"""


async def change_brand(tx: Transaction, brand: Brand) -> Brand:
    """A locked one. Raises `SlugTaken`."""
    seo = kept_seo(brand.seo)
    try:
        row = await tx.fetchrow(CHANGE_BRAND, brand.id, brand.name, brand.slug, brand.description, brand.logo_url, seo)
    except asyncpg.UniqueViolationError:
        raise SlugTaken(brand.slug) from None
    assert row is not None
    return _brand(row)


LEAVE_NAMES = "UPDATE brand_names SET settled = false WHERE brand_id = $1 AND name = $2"
TAKE_NAME = """
    INSERT INTO brand_names AS known (name, brand_id) VALUES ($2, $1)
    ON CONFLICT (name) DO UPDATE SET settled = true WHERE known.brand_id = excluded.brand_id
    RETURNING name
"""


async def rename(tx: Transaction, brand_id: str, before: str, after: str) -> bool:
    """From here on both names mean the locked brand, and products of the one before follow; False where another brand
    has or had the name."""
    await tx.execute(LEAVE_NAMES, brand_id, before)
    return await tx.fetchval(TAKE_NAME, brand_id, after) is not None


GIVE_NAMES = "UPDATE brand_names SET brand_id = $2, settled = false WHERE brand_id = $1"
REMOVE_BRAND = "DELETE FROM brands WHERE id = $1"


async def merge(tx: Transaction, brand_id: str, into: str) -> None:
    """All names of the one locked brand mean the other from here on, and it is gone."""
    await tx.execute(GIVE_NAMES, brand_id, into)
    await tx.execute(REMOVE_BRAND, brand_id)


BRAND_HAS_PRODUCTS = """
    SELECT EXISTS (
        SELECT FROM products
        WHERE brand = ANY(ARRAY(SELECT name FROM brand_names WHERE brand_id = $1)) AND status <> 'archived'
    )
"""


async def brand_has_products(tx: Transaction, brand_id: str) -> bool:
    """Whether a product that is not archived bears a name of the brand."""
    found: bool = await tx.fetchval(BRAND_HAS_PRODUCTS, brand_id)
    return found


FORGET_NAMES = "DELETE FROM brand_names WHERE brand_id = $1"


async def remove_brand(tx: Transaction, brand_id: str) -> None:
    """A locked one, whose names nobody bears but archived products."""
    await tx.execute(FORGET_NAMES, brand_id)
    await tx.execute(REMOVE_BRAND, brand_id)


# Locked: nobody renames the brand until the round is done. Whom somebody else has in hand is left to a later look.
LOCK_UNSETTLED_NAME = """
    SELECT known.name, brand.name FROM brand_names AS known JOIN brands AS brand ON brand.id = known.brand_id
    WHERE NOT known.settled
    ORDER BY known.name LIMIT 1
    FOR UPDATE OF known SKIP LOCKED FOR SHARE OF brand SKIP LOCKED
"""


async def lock_unsettled_name(tx: Transaction) -> UnsettledName | None:
    row = await tx.fetchrow(LOCK_UNSETTLED_NAME)
    return None if row is None else UnsettledName(*row)


ANY_UNSETTLED_NAME = "SELECT EXISTS (SELECT FROM brand_names WHERE NOT settled)"


async def any_unsettled_name(db: Db) -> bool:
    found: bool = await db.fetchval(ANY_UNSETTLED_NAME)
    return found


# The first by the index, and of these each is locked in the order of the ids, as all do who lock several.
RENAME_PRODUCTS = """
    UPDATE products SET brand = $2, version = version + 1, updated_at = now()
    WHERE id IN (
        SELECT id FROM products
        WHERE brand = $1 AND id IN (
            SELECT id FROM products WHERE brand BETWEEN $1 AND $1 ORDER BY brand, standing, id LIMIT $3
        )
        ORDER BY id
        FOR UPDATE
    )
    RETURNING id, slug, version, seller_id
"""


async def rename_products(tx: Transaction, name: UnsettledName, most: int) -> list[Changed]:
    """At most so many of those with that name, if nobody changes them meanwhile; each version goes up by one."""
    return [Changed(*row) for row in await tx.fetch(RENAME_PRODUCTS, name.name, name.now, most)]


NAME_SETTLED = """
    UPDATE brand_names SET settled = true
    WHERE name = $1 AND NOT EXISTS (SELECT FROM products WHERE brand BETWEEN $1 AND $1)
"""


async def name_settled(tx: Transaction, name: str) -> None:
    """Unless a product has it still."""
    await tx.execute(NAME_SETTLED, name)


def _brand(row: asyncpg.Record) -> Brand:
    return Brand(**{**row, "seo": seo_of(row["seo"])})
