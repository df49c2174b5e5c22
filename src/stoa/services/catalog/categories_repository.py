"""All of catalog's SQL about the category tree: who changes it holds the table of categories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import asyncpg

from stoa.kit.custom_fields.values import NOTHING, Fields, fields_of
from stoa.kit.db import Db, Transaction, affected
from stoa.services.catalog.errors import SlugTaken
from stoa.services.catalog.images import Banner, banner_of
from stoa.services.catalog.product import CategoryName, is_id
from stoa.services.catalog.repository import Changed
from stoa.services.catalog.seo import NO_SEO, Seo, kept_seo, seo_of


class Category(NamedTuple):
    """`version` counts its changes."""

    id: str
    parent_id: str | None
    slug: str
    name: str
    position: int
    version: int = 1
    custom_fields: Fields = NOTHING
    metadata: Mapping[str, str] = MappingProxyType({})
    seo: Seo = NO_SEO
    description: str = ""
    image: Banner | None = None


_CATEGORY = """
    SELECT id, parent_id, slug, name, position, version, named_fields(custom_fields) AS custom_fields,
        metadata, seo, description, image
    FROM categories
"""

CATEGORIES = _CATEGORY + "ORDER BY position, name, id"


async def categories(db: Db) -> list[Category]:
    """All of them, siblings in their order."""
    return [_category(row) for row in await db.fetch(CATEGORIES)]


CATEGORY_BY_ID = _CATEGORY + "WHERE id = $1"


# Whose slug it is, whose it is in a language, or else whose it was last.
_OF_SLUG = """
    WHERE id = coalesce(
        (SELECT id FROM categories WHERE slug = $1),
        (SELECT thing_id FROM translations WHERE kind = 'category' AND locale = $2 AND slug = $1),
        (SELECT thing_id FROM old_slugs WHERE kind = 'category' AND slug = $1)
    )
"""

CATEGORY_BY_SLUG = _CATEGORY + _OF_SLUG


async def find_category(db: Db, id_or_slug: str, locale: str | None = None) -> Category | None:
    """By the slug that it has in a language, and by one that it had before, too: then it has another."""
    if is_id(id_or_slug):
        row = await db.fetchrow(CATEGORY_BY_ID, id_or_slug)
    else:
        row = await db.fetchrow(CATEGORY_BY_SLUG, id_or_slug, locale)
    return None if row is None else _category(row)


def _category(row: asyncpg.Record) -> Category:
    read = {
        "custom_fields": fields_of(row["custom_fields"]),
        "seo": seo_of(row["seo"]),
        "image": banner_of(row["image"]),
    }
    return Category(**dict(row) | read)


LOCK_CATEGORIES = "LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE"


async def lock_categories(tx: Transaction) -> None:
    """Nobody else changes the tree until the end of the transaction."""
    await tx.execute(LOCK_CATEGORIES)


# Locked against removal until the products that name them are written.
CATEGORIES_NAMED = "SELECT id, slug, name FROM categories WHERE slug = ANY($1::text[]) ORDER BY id FOR KEY SHARE"


async def categories_named(tx: Transaction, slugs: Iterable[str]) -> dict[str, CategoryName]:
    """Those that exist, by slug."""
    return {row["slug"]: CategoryName(*row) for row in await tx.fetch(CATEGORIES_NAMED, list(slugs))}


ADD_CATEGORY = """
    INSERT INTO categories (
        id, parent_id, slug, name, position, version, custom_fields, metadata, seo, description, image
    )
    VALUES ($1, $2, $3, $4, $5, $6, numbered_fields('category', nullif($7::jsonb, '{}')), $8, $9, $10, $11)
    ON CONFLICT (slug) DO NOTHING
"""


async def add_category(tx: Transaction, category: Category) -> bool:
    """False where the slug is taken."""
    return affected(await tx.execute(ADD_CATEGORY, *_columns(category))) == 1


CHANGE_CATEGORY = """
    UPDATE categories
    SET parent_id = $2, slug = $3, name = $4, position = $5, version = $6,
        custom_fields = numbered_fields('category', nullif($7::jsonb, '{}')), metadata = $8, seo = $9,
        description = $10, image = $11
    WHERE id = $1
"""


async def change_category(tx: Transaction, category: Category) -> None:
    """Raises `SlugTaken`."""
    try:
        await tx.execute(CHANGE_CATEGORY, *_columns(category))
    except asyncpg.UniqueViolationError:
        raise SlugTaken(category.slug) from None


def _columns(category: Category) -> tuple[Any, ...]:
    noted = category.custom_fields.shown(private=True), dict(category.metadata)
    return (*category[:6], *noted, kept_seo(category.seo), category.description, category.image)


LOCK_ARCHIVED_IN = """
    SELECT id FROM products WHERE category_id = $1 AND status = 'archived'
    ORDER BY id
    FOR UPDATE
"""


async def lock_archived_in(tx: Transaction, category_id: str) -> list[str]:
    """The ids of the archived products of a category."""
    return [row["id"] for row in await tx.fetch(LOCK_ARCHIVED_IN, category_id)]


# Waits for everybody who has put a product in and not committed; who comes later finds that it is gone.
LOCK_CATEGORY = "SELECT FROM categories WHERE id = $1 FOR UPDATE"


async def lock_category(tx: Transaction, category_id: str) -> None:
    """Nobody puts a product into it until the end of the transaction."""
    await tx.execute(LOCK_CATEGORY, category_id)


CATEGORY_HAS_OTHERS = "SELECT EXISTS (SELECT FROM products WHERE category_id = $1 AND id <> ALL($2::uuid[]))"


async def category_has_others(tx: Transaction, category_id: str, product_ids: Sequence[str]) -> bool:
    """Whether it has products besides those."""
    found: bool = await tx.fetchval(CATEGORY_HAS_OTHERS, category_id, product_ids)
    return found


TAKE_OUT_OF_CATEGORY = """
    UPDATE products SET category_id = NULL, version = version + 1, updated_at = now()
    WHERE id = ANY($1::uuid[])
    RETURNING id, slug, version, seller_id
"""


async def take_out_of_category(tx: Transaction, product_ids: Sequence[str]) -> list[Changed]:
    """Locked products; each version goes up by one."""
    return [Changed(*row) for row in await tx.fetch(TAKE_OUT_OF_CATEGORY, product_ids)]


REMOVE_CATEGORY = "DELETE FROM categories WHERE id = $1"


async def remove_category(tx: Transaction, category_id: str) -> None:
    await tx.execute(REMOVE_CATEGORY, category_id)


IMPORT_CATEGORIES = """
    INSERT INTO categories (id, slug, name)
    SELECT id, slug, name FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (id, slug, name)
    ORDER BY slug_lock('category', slug), slug
    ON CONFLICT (slug) DO NOTHING
    RETURNING id
"""


async def import_categories(tx: Transaction, new: Sequence[Category]) -> set[str]:
    """At the top; a slug that exists is left as it is. The ids of those that were free."""
    columns = [[one.id for one in new], [one.slug for one in new], [one.name for one in new]]
    return {row["id"] for row in await tx.fetch(IMPORT_CATEGORIES, *columns)}
