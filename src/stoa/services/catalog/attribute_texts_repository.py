"""The SQL of what attributes are called in the shop's other languages. Who changes it holds the definitions."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg
import msgspec

from stoa.kit.db import Db, Transaction, affected
from stoa.services.catalog.attribute_texts import AttributeTexts, Texts
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.translations import other_locale

_TEXTS = """
    SELECT attribute.name, said.locale, said.label, said.unit, said.choices
    FROM attribute_translations AS said JOIN attributes AS attribute ON attribute.id = said.attribute_id
    WHERE attribute.name = ANY($1::text[])
"""

TEXTS_IN = _TEXTS + "AND said.locale = $2"


async def texts_in(db: Db, locale: str, names: Iterable[str]) -> dict[str, AttributeTexts]:
    """In a language, by the names of the attributes."""
    return {row["name"]: _texts(row) for row in await db.fetch(TEXTS_IN, list(names), locale)}


async def attribute_texts_for(catalog: Catalog, locale: str | None, names: Iterable[str]) -> Texts:
    """The same for who asks; nothing where that is the shop's own language. Raises `UnknownLocale`."""
    other = other_locale(locale, catalog.settings.locales)
    return {} if other is None else await texts_in(catalog.db, other, names)


TEXTS_OF = _TEXTS + "ORDER BY attribute.name, said.locale"


async def texts_of(db: Db, names: Iterable[str]) -> dict[str, dict[str, AttributeTexts]]:
    """In all languages: by the names of the attributes, and by locale."""
    found: dict[str, dict[str, AttributeTexts]] = {}
    for row in await db.fetch(TEXTS_OF, list(names)):
        found.setdefault(row["name"], {})[row["locale"]] = _texts(row)
    return found


def _texts(row: asyncpg.Record) -> AttributeTexts:
    return msgspec.convert({name: row[name] for name in AttributeTexts.__struct_fields__}, AttributeTexts)


WRITE_TEXTS = """
    INSERT INTO attribute_translations (attribute_id, locale, label, unit, choices) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (attribute_id, locale) DO UPDATE
    SET label = EXCLUDED.label, unit = EXCLUDED.unit, choices = EXCLUDED.choices
"""


async def write_texts(tx: Transaction, attribute_id: int, locale: str, said: AttributeTexts) -> None:
    await tx.execute(WRITE_TEXTS, attribute_id, locale, said.label, said.unit, said.choices)


REMOVE_TEXTS = "DELETE FROM attribute_translations WHERE attribute_id = $1 AND locale = $2"


async def remove_texts(tx: Transaction, attribute_id: int, locale: str) -> bool:
    """False where there are none."""
    return affected(await tx.execute(REMOVE_TEXTS, attribute_id, locale)) == 1


ONE_ON = "UPDATE attributes SET version = version + 1, updated_at = now() WHERE id = $1 RETURNING version"


async def one_on(tx: Transaction, attribute_id: int) -> int:
    """It is called otherwise in a language; its version after that."""
    version: int = await tx.fetchval(ONE_ON, attribute_id)
    return version
