"""The SQL of what things are called in the shop's other languages. Who changes one holds the thing's row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import asyncpg
import msgspec

from stoa.kit.db import Db, Transaction
from stoa.services.catalog.errors import SlugTaken
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.slugs_repository import Kind, key_of
from stoa.services.catalog.translations import ProductTranslation, Texts, other_locale

_TRANSLATION = """
    SELECT thing_id, locale, slug, name, description, seo, options, variants, images, specifications
    FROM translations WHERE
"""

TEXTS_IN = _TRANSLATION + "thing_id = ANY($1::uuid[]) AND locale = $2"


async def texts_in(db: Db, locale: str, thing_ids: Iterable[str]) -> dict[str, ProductTranslation]:
    """What things are called in a language, by their ids."""
    return {row["thing_id"]: _translation(row) for row in await db.fetch(TEXTS_IN, list(thing_ids), locale)}


async def texts_for(catalog: Catalog, locale: str | None, thing_ids: Iterable[str]) -> Texts:
    """The same for who asks; nothing where that is the shop's own language. Raises `UnknownLocale`."""
    other = other_locale(locale, catalog.settings.locales)
    return {} if other is None else await texts_in(catalog.db, other, thing_ids)


TEXTS_OF = _TRANSLATION + "thing_id = ANY($1::uuid[]) ORDER BY thing_id, locale"


async def texts_of(db: Db, thing_ids: Iterable[str]) -> dict[str, dict[str, ProductTranslation]]:
    """In all languages: by the things' ids, and by locale."""
    found: dict[str, dict[str, ProductTranslation]] = {}
    for row in await db.fetch(TEXTS_OF, list(thing_ids)):
        found.setdefault(row["thing_id"], {})[row["locale"]] = _translation(row)
    return found


def _translation(row: asyncpg.Record) -> ProductTranslation:
    return msgspec.convert({name: row[name] for name in ProductTranslation.__struct_fields__}, ProductTranslation)


WRITE_TRANSLATIONS = """
    INSERT INTO translations (
        kind, thing_id, locale, name, slug, description, seo, options, variants, images, specifications
    )
    SELECT $1, thing_id, locale, name, slug, description, seo, options, variants, images, specifications
    FROM jsonb_to_recordset($2) AS said (
        thing_id uuid, locale text, name text, slug text, description text, seo jsonb, options jsonb, variants jsonb,
        images jsonb, specifications jsonb
    )
    ORDER BY slug_lock($1, slug), slug, thing_id, locale
    ON CONFLICT (thing_id, locale) DO UPDATE SET
        name = EXCLUDED.name, slug = EXCLUDED.slug, description = EXCLUDED.description, seo = EXCLUDED.seo,
        options = EXCLUDED.options, variants = EXCLUDED.variants, images = EXCLUDED.images,
        specifications = EXCLUDED.specifications
"""


async def write_translations(
    tx: Transaction, kind: Kind, translations: Iterable[tuple[str, str, ProductTranslation]]
) -> None:
    """Of locked things, each with its id and locale. Raises `SlugTaken`, also where another has one in the shop's own
    language."""
    rows = [{"thing_id": each, "locale": locale, **msgspec.to_builtins(said)} for each, locale, said in translations]
    try:
        await tx.execute(WRITE_TRANSLATIONS, kind, rows)
    except asyncpg.UniqueViolationError as violation:
        raise SlugTaken(key_of(violation)[-1]) from None


# Whose a slug is in which languages.
SPEAK_OF = """
    SELECT slug, locale, thing_id FROM translations WHERE kind = $1 AND slug = ANY($2::text[]) ORDER BY slug, locale
"""


async def whose_in_languages(db: Db, kind: Kind, slugs: Iterable[str]) -> dict[str, dict[str, str]]:
    """The things' ids, by slug and locale."""
    found: dict[str, dict[str, str]] = {}
    for row in await db.fetch(SPEAK_OF, kind, list(slugs)):
        found.setdefault(row["slug"], {})[row["locale"]] = row["thing_id"]
    return found


TRANSLATED_SLUGS = "SELECT slug FROM translations WHERE kind = $1 AND slug IS NOT NULL"


async def translated_slugs(db: Db, kind: Kind) -> set[str]:
    """In any language: of categories, of which there are few."""
    return {row["slug"] for row in await db.fetch(TRANSLATED_SLUGS, kind)}


REMOVE_TRANSLATIONS = """
    DELETE FROM translations USING unnest($1::uuid[], $2::text[]) AS gone (thing_id, locale)
    WHERE translations.thing_id = gone.thing_id AND translations.locale = gone.locale
"""


async def remove_translations(tx: Transaction, gone: Sequence[tuple[str, str]]) -> None:
    """By the things' ids, and by locale."""
    await tx.execute(REMOVE_TRANSLATIONS, [each for each, _ in gone], [locale for _, locale in gone])


# The slug that a category has in the shop's own language, of the one that it has in another.
OWN_SLUG = """
    SELECT coalesce(
        (SELECT slug FROM categories WHERE slug = $2),
        (
            SELECT category.slug FROM translations AS said JOIN categories AS category ON category.id = said.thing_id
            WHERE said.kind = 'category' AND said.locale = $1 AND said.slug = $2
        ),
        $2
    )
"""


async def own_slug(db: Db, locale: str, slug: str) -> str:
    found: str = await db.fetchval(OWN_SLUG, locale, slug)
    return found


FORGET_TRANSLATIONS = "DELETE FROM translations WHERE thing_id = $1"


async def forget_translations(tx: Transaction, thing_id: str) -> None:
    """Of a thing that is gone."""
    await tx.execute(FORGET_TRANSLATIONS, thing_id)
