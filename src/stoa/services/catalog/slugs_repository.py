"""The SQL of the slugs that products, categories, collections and brands had: each leads to whom it was last.

A slug that somebody has is his, and whoever looks one up looks there first. So a row is in nobody's way: a new owner
of the slug ends the redirect, and so does the old one who takes it back. Rows name the thing and not its next slug, so
a chain has one step, whatever was renamed at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import asyncpg

from stoa.kit.db import Db, Transaction

Kind = Literal["product", "category", "collection", "brand", "product_type"]
"""What says something in other languages; the last two have one slug in all, and a type no old ones."""

MOST_KEPT = 50
"""Old slugs of one thing: who renames it every day leads on from two months."""


def key_of(violation: asyncpg.UniqueViolationError) -> list[str]:
    """Its values, of which a slug is the last: `Key (kind, locale, slug)=(product, de, tasse) already exists.`"""
    return (violation.detail or "").partition(")=(")[2].partition(")")[0].split(", ")


KEEP_SLUGS = """
    INSERT INTO old_slugs (kind, slug, thing_id)
    SELECT $1, slug, id FROM unnest($2::text[], $3::uuid[]) AS old (slug, id) ORDER BY slug
    ON CONFLICT (kind, slug) DO UPDATE SET thing_id = EXCLUDED.thing_id, since = now()
"""


FORGET_OLDEST = """
    DELETE FROM old_slugs WHERE kind = $1 AND slug IN (
        SELECT slug FROM (
            SELECT slug, row_number() OVER (PARTITION BY thing_id ORDER BY since DESC, slug) AS place
            FROM old_slugs WHERE thing_id = ANY($2::uuid[])
        ) AS kept
        WHERE place > $3
    )
"""


# In the order of the locks, as all do who hold several. Triggers take them one by one.
HOLD_SLUGS = """
    SELECT pg_advisory_xact_lock(held.lock)
    FROM (SELECT DISTINCT slug_lock($1, slug) AS lock FROM unnest($2::text[]) AS slug ORDER BY lock OFFSET 0) AS held
"""


OLD_SLUGS = """
    SELECT thing_id, array_agg(slug ORDER BY slug) AS slugs FROM old_slugs AS old
    WHERE kind = 'category' AND NOT EXISTS (SELECT FROM categories WHERE categories.slug = old.slug)
        AND NOT EXISTS (SELECT FROM translations AS said WHERE said.kind = old.kind AND said.slug = old.slug)
    GROUP BY thing_id
"""


async def old_slugs_of_categories(db: Db) -> dict[str, list[str]]:
    """By category those that none has now, in no language."""
    return {row["thing_id"]: row["slugs"] for row in await db.fetch(OLD_SLUGS)}


async def hold_slugs(tx: Transaction, kind: Kind, slugs: Iterable[str]) -> None:
    """So that nobody else gets one of them, in any language, before this transaction has ended."""
    await tx.execute(HOLD_SLUGS, kind, list(slugs))


async def keep_slugs(tx: Transaction, kind: Kind, renamed: Mapping[str, str]) -> None:
    """The slugs that things had until now, with whose each was: his id."""
    if not renamed:
        return
    await tx.execute(KEEP_SLUGS, kind, list(renamed), list(renamed.values()))
    await tx.execute(FORGET_OLDEST, kind, list(renamed.values()), MOST_KEPT)


GIVE_SLUGS = "UPDATE old_slugs SET thing_id = $3 WHERE kind = $1 AND thing_id = $2"


async def give_slugs(tx: Transaction, kind: Kind, thing_id: str, into: str) -> None:
    """What led to the one leads to the other; the oldest are forgotten when that is next given one."""
    await tx.execute(GIVE_SLUGS, kind, thing_id, into)


FORGET_SLUGS = "DELETE FROM old_slugs WHERE kind = $1 AND thing_id = ANY($2::uuid[])"


async def forget_slugs(tx: Transaction, kind: Kind, thing_ids: Iterable[str]) -> None:
    """Of things that are gone."""
    await tx.execute(FORGET_SLUGS, kind, list(thing_ids))
