"""The SQL of collections, and of which products are in them.

Who changes a collection, or settles it, holds its row and then locks products. Who changes a product holds the product
and no collection: he reads the rules under a lock that only the beginning of a round waits for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import asyncpg
from msgspec import to_builtins

from stoa.kit.db import Db, Transaction, affected
from stoa.services.catalog.collection_rules import Facts, Field, Rules, rules_of
from stoa.services.catalog.errors import SlugTaken
from stoa.services.catalog.images import Banner, banner_of
from stoa.services.catalog.product import is_id
from stoa.services.catalog.repository import Changed
from stoa.services.catalog.seo import Seo, kept_seo, seo_of

Sort = Literal["position", "newest", "price", "-price", "name"]


class Collection(NamedTuple):
    """`rules` are None where its products are chosen by hand; `settled` says whether they follow what it is now."""

    id: str
    slug: str
    name: str
    description: str
    image: Banner | None
    seo: Seo
    sort: Sort
    published: bool
    rules: Rules | None
    settled: bool
    version: int
    created_at: datetime
    updated_at: datetime


_COLLECTION = """
    SELECT id, slug, name, description, image, seo, sort, published, match, conditions, settling IS NULL AS settled,
        version, created_at, updated_at
    FROM collections
    WHERE NOT removed AND
"""

COLLECTION_BY_ID = _COLLECTION + "id = $1"

# Whose slug it is, whose it is in a language, or else whose it was last.
_OF_SLUG = """
    id = coalesce(
        (SELECT id FROM collections WHERE slug = $1),
        (SELECT thing_id FROM translations WHERE kind = 'collection' AND locale = $2 AND slug = $1),
        (SELECT thing_id FROM old_slugs WHERE kind = 'collection' AND slug = $1)
    )
"""

COLLECTION_BY_SLUG = _COLLECTION + _OF_SLUG


async def find_collection(db: Db, id_or_slug: str, locale: str | None = None) -> Collection | None:
    """By the slug that it has in a language, and by one that it had before, too: then it has another."""
    if is_id(id_or_slug):
        row = await db.fetchrow(COLLECTION_BY_ID, id_or_slug)
    else:
        row = await db.fetchrow(COLLECTION_BY_SLUG, id_or_slug, locale)
    return None if row is None else _collection(row)


COLLECTIONS_AFTER = _COLLECTION + "slug > $1 AND (published OR $3) ORDER BY slug LIMIT $2"


async def collections_after(db: Db, slug: str, limit: int, *, hidden: bool) -> list[Collection]:
    """In the order of their slugs; those that are not published only if `hidden`."""
    return [_collection(row) for row in await db.fetch(COLLECTIONS_AFTER, slug, limit, hidden)]


# Not FOR UPDATE: who puts a product into it holds its key.
LOCK_BY_ID = _COLLECTION + "id = $1 FOR NO KEY UPDATE"


LOCK_BY_SLUG = _COLLECTION + "slug = $1 FOR NO KEY UPDATE"


async def lock_collection(tx: Transaction, id_or_slug: str) -> Collection | None:
    row = await tx.fetchrow(LOCK_BY_ID if is_id(id_or_slug) else LOCK_BY_SLUG, id_or_slug)
    return None if row is None else _collection(row)


def _collection(row: asyncpg.Record) -> Collection:
    return Collection(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        description=row["description"],
        image=banner_of(row["image"]),
        seo=seo_of(row["seo"]),
        sort=row["sort"],
        published=row["published"],
        rules=rules_of(row["match"], row["conditions"]),
        settled=row["settled"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


ADD_COLLECTION = """
    INSERT INTO collections (
        id, slug, name, description, image, seo, sort, published, match, conditions, looks_at, settling
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $9::text IS NOT NULL THEN 'due' END)
    ON CONFLICT (slug) DO NOTHING
"""


async def add_collection(tx: Transaction, collection: Collection) -> bool:
    """False where the slug is taken."""
    return affected(await tx.execute(ADD_COLLECTION, *_columns(collection))) == 1


CHANGE_COLLECTION = """
    UPDATE collections SET
        slug = $2, name = $3, description = $4, image = $5, seo = $6, sort = $7, published = $8, match = $9,
        conditions = $10, looks_at = $11, version = version + 1, updated_at = now(),
        settling = CASE WHEN $12 OR $13 THEN 'due' ELSE settling END, retell = retell OR $13
    WHERE id = $1
"""


async def change_collection(tx: Transaction, collection: Collection, *, settle: bool, retell: bool) -> None:
    """A locked one, one version on. `settle`: its products may be others; `retell`: those that it keeps are told.
    Raises `SlugTaken`."""
    try:
        await tx.execute(CHANGE_COLLECTION, *_columns(collection), settle, retell)
    except asyncpg.UniqueViolationError:
        raise SlugTaken(collection.slug) from None


def _columns(collection: Collection) -> tuple[Any, ...]:
    rules = collection.rules
    return (
        *collection[:4],
        collection.image and to_builtins(collection.image),
        kept_seo(collection.seo) and to_builtins(collection.seo),
        collection.sort,
        collection.published,
        rules.match if rules else None,
        to_builtins(rules.conditions) if rules else None,
        rules.looks_at if rules else [],
    )


# Its slug is free from now on.
REMOVE_COLLECTION = """
    UPDATE collections
    SET removed = true, published = false, slug = id::text, settling = 'due', version = version + 1
    WHERE id = $1
"""


async def remove_collection(tx: Transaction, collection_id: str) -> None:
    """A locked one: its products leave it in rounds."""
    await tx.execute(REMOVE_COLLECTION, collection_id)


# -------------------------------------------------------------------------------------- the products of a collection

# Of its name so much as a list sorts by.
JOIN = """
    INSERT INTO collection_products (
        collection_id, product_id, position, look_again_at, standing, price_minor, name
    )
    SELECT new.collection_id, product.id, new.position, new.look_again_at, product.standing, product.price_minor,
        lower(left(product.name, 60))
    FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::timestamptz[])
        AS new (collection_id, product_id, position, look_again_at)
    JOIN products AS product ON product.id = new.product_id
    ORDER BY new.collection_id, product.id
    ON CONFLICT (collection_id, product_id) DO UPDATE
    SET position = EXCLUDED.position, look_again_at = EXCLUDED.look_again_at
    WHERE (collection_products.position, collection_products.look_again_at)
        IS DISTINCT FROM (EXCLUDED.position, EXCLUDED.look_again_at)
"""


class Membership(NamedTuple):
    """Of a product that belongs to a collection."""

    collection_id: str
    product_id: str
    position: int = 0
    look_again_at: datetime | None = None


async def join(tx: Transaction, members: Sequence[Membership]) -> None:
    """Locked products; of those that are in it already the rest is set."""
    if members:
        await tx.execute(JOIN, *map(list, zip(*members, strict=True)))


LEAVE = """
    DELETE FROM collection_products AS member USING unnest($1::uuid[], $2::uuid[]) AS gone (collection_id, product_id)
    WHERE member.collection_id = gone.collection_id AND member.product_id = gone.product_id
"""


async def leave(tx: Transaction, pairs: Sequence[tuple[str, str]]) -> None:
    """Collection and product, locked."""
    if pairs:
        await tx.execute(LEAVE, *map(list, zip(*pairs, strict=True)))


MEMBERS = """
    SELECT product_id, position FROM collection_products WHERE collection_id = $1 ORDER BY position, product_id
"""


async def members(db: Db, collection_id: str) -> dict[str, int]:
    """Of a collection by hand, which has few: positions by product id, in their order."""
    return {row["product_id"]: row["position"] for row in await db.fetch(MEMBERS, collection_id)}


class InCollection(NamedTuple):
    """The slug of a collection that a product is in, by locale those that it has in other languages, and those that it
    had and none has."""

    slug: str
    slugs: Mapping[str, str]
    old_slugs: Sequence[str]


COLLECTIONS_OF = """
    SELECT member.product_id, collection.slug, (
        SELECT coalesce(jsonb_object_agg(said.locale, said.slug), '{}')
        FROM translations AS said WHERE said.thing_id = collection.id AND said.slug IS NOT NULL
    ) AS slugs, ARRAY(
        SELECT slug FROM old_slugs AS old
        WHERE old.thing_id = collection.id
            AND (SELECT true FROM collections AS other WHERE other.slug = old.slug) IS NULL
            AND (
                SELECT true FROM translations AS said WHERE said.kind = 'collection' AND said.slug = old.slug LIMIT 1
            ) IS NULL
        ORDER BY slug
    ) AS old_slugs
    FROM collection_products AS member JOIN collections AS collection ON collection.id = member.collection_id
    WHERE member.product_id = ANY($1::uuid[]) AND collection.published
    ORDER BY collection.slug
"""


async def collections_of(db: Db, product_ids: Sequence[str]) -> dict[str, list[InCollection]]:
    """The published collections that products are in, by product id."""
    found: dict[str, list[InCollection]] = {}
    for row in await db.fetch(COLLECTIONS_OF, list(product_ids)):
        found.setdefault(row["product_id"], []).append(InCollection(row["slug"], row["slugs"], row["old_slugs"]))
    return found


# In the order of their ids, as all do who lock several products.
LOCK_THESE = "SELECT id FROM products WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"


async def lock_these(tx: Transaction, product_ids: Iterable[str]) -> set[str]:
    """Those that exist."""
    return {row["id"] for row in await tx.fetch(LOCK_THESE, list(product_ids))}


ONE_ON = """
    UPDATE products SET version = version + 1, updated_at = now() WHERE id = ANY($1::uuid[])
    RETURNING id, slug, version, seller_id
"""


async def one_on(tx: Transaction, product_ids: Iterable[str]) -> list[Changed]:
    """Locked products, each one version on: they are in other collections now."""
    return [Changed(*row) for row in await tx.fetch(ONE_ON, list(product_ids))]


# ------------------------------------------------------------------------------------------------- rules and products


class Seen(NamedTuple):
    """A product as rules see it, when that was, and in which collections it is."""

    id: str
    facts: Facts
    now: datetime
    collections: frozenset[str]


_SEEN = """
    SELECT product.id,
        ARRAY(
            WITH RECURSIVE around AS (
                SELECT product.category_id AS id
                UNION
                SELECT category.parent_id FROM categories AS category JOIN around ON category.id = around.id
            )
            SELECT id FROM around WHERE id IS NOT NULL
        ) AS categories,
        ARRAY(
            SELECT product.brand
            UNION
            SELECT known.name FROM brand_names AS said JOIN brand_names AS known ON known.brand_id = said.brand_id
            WHERE said.name = product.brand
        ) AS brands,
        product.tags, product.seller_id,
        CASE WHEN product.currency IS NOT NULL THEN product.price_minor END AS price_minor,
        CASE WHEN product.product_type_id IS NULL THEN product.specifications ELSE (
            SELECT coalesce(jsonb_object_agg(attribute.name, product.specifications -> attribute.id::text), '{}')
            FROM product_type_attributes AS used JOIN attributes AS attribute ON attribute.id = used.attribute_id
            WHERE used.type_id = product.product_type_id AND product.specifications ? attribute.id::text
        ) END AS specifications,
        product.created_at, now() AS now,
        ARRAY(SELECT collection_id FROM collection_products WHERE product_id = product.id) AS collections
    FROM products AS product
"""

SEEN_BY_IDS = _SEEN + "WHERE product.id = ANY($1::uuid[]) ORDER BY product.id"


async def seen(tx: Transaction, product_ids: Iterable[str]) -> list[Seen]:
    return [_seen(row) for row in await tx.fetch(SEEN_BY_IDS, list(product_ids))]


SEEN_AFTER = _SEEN + "WHERE product.id > $1 ORDER BY product.id LIMIT $2"


async def seen_after(tx: Transaction, product_id: str, limit: int) -> list[Seen]:
    """In the order of their ids."""
    return [_seen(row) for row in await tx.fetch(SEEN_AFTER, product_id, limit)]


_MEMBERS_AFTER = """
    WHERE product.id = ANY(ARRAY(
        SELECT product_id FROM collection_products
        WHERE collection_id = $3 AND product_id > $1 ORDER BY product_id LIMIT $2
    ))
    ORDER BY product.id
"""

MEMBERS_AFTER = _SEEN + _MEMBERS_AFTER


async def members_after(tx: Transaction, product_id: str, limit: int, collection_id: str) -> list[Seen]:
    """The same of those that are in a collection."""
    return [_seen(row) for row in await tx.fetch(MEMBERS_AFTER, product_id, limit, collection_id)]


def _seen(row: asyncpg.Record) -> Seen:
    facts = Facts(*(row[name] for name in Facts._fields))
    return Seen(row["id"], facts, row["now"], frozenset(row["collections"]))


# Whoever has begun to read the rules has committed before a round of others begins.
HOLD_RULES = "LOCK TABLE collections IN ROW SHARE MODE"


RULES = "SELECT id, match, conditions FROM collections WHERE match IS NOT NULL AND NOT removed"


RULES_THAT_LOOK_AT = RULES + " AND looks_at && $1::text[]"


async def rules(tx: Transaction, changed: Sequence[Field] | None) -> dict[str, Rules]:
    """Of all collections, by id, or of those that look at what has `changed` of a product. A round for other rules
    begins when this transaction has ended."""
    await tx.execute(HOLD_RULES)
    found = await (tx.fetch(RULES) if changed is None else tx.fetch(RULES_THAT_LOOK_AT, list(changed)))
    return {row["id"]: known for row in found if (known := rules_of(row["match"], row["conditions"]))}


# --------------------------------------------------------------------------------------------------------- rounds

WAIT_FOR_READERS = "LOCK TABLE collections IN EXCLUSIVE MODE"


BEGIN_ROUNDS = """
    UPDATE collections SET settling = 'begun', settled_to = '00000000-0000-0000-0000-000000000000'
    WHERE settling = 'due'
"""


async def begin_rounds(tx: Transaction) -> None:
    """For all that are due. Nobody judges by other rules than theirs any more."""
    await tx.execute(WAIT_FOR_READERS)
    await tx.execute(BEGIN_ROUNDS)


class Unsettled(NamedTuple):
    """A collection whose products do not all follow it, and how far they do."""

    id: str
    rules: Rules | None
    settled_to: str
    retell: bool
    removed: bool


LOCK_UNSETTLED = """
    SELECT id, match, conditions, settled_to, retell, removed FROM collections
    WHERE settling = 'begun' ORDER BY id LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
"""


async def lock_unsettled(tx: Transaction) -> Unsettled | None:
    """One that nobody else has in hand."""
    row = await tx.fetchrow(LOCK_UNSETTLED)
    if row is None:
        return None
    known = rules_of(row["match"], row["conditions"])
    return Unsettled(row["id"], known, row["settled_to"], row["retell"], row["removed"])


SETTLED_TO = "UPDATE collections SET settled_to = $2 WHERE id = $1"


async def settled_to(tx: Transaction, collection_id: str, product_id: str) -> None:
    await tx.execute(SETTLED_TO, collection_id, product_id)


SETTLED = "UPDATE collections SET settling = NULL, retell = false WHERE id = $1"


FORGET_COLLECTION = "DELETE FROM collections WHERE id = $1"


async def settled(tx: Transaction, collection: Unsettled) -> None:
    """All its products follow it; of one that was removed the row goes."""
    await tx.execute(FORGET_COLLECTION if collection.removed else SETTLED, collection.id)


# Locked in the order of their ids, before any product of theirs.
SETTLE_WHAT_LOOKS_AT = """
    UPDATE collections SET settling = 'due' WHERE id IN (
        SELECT id FROM collections WHERE looks_at && ARRAY[$1::text] ORDER BY id FOR NO KEY UPDATE
    )
"""


async def settle_what_looks_at(tx: Transaction, field: Field) -> None:
    """The tree is another, or a type, or what a brand was called: without a change of theirs products may belong to
    others."""
    await tx.execute(SETTLE_WHAT_LOOKS_AT, field)


WORK = """
    SELECT EXISTS (SELECT FROM collections WHERE settling = 'due') AS due,
        EXISTS (SELECT FROM collections WHERE settling = 'begun') AS begun,
        (
            SELECT extract(epoch FROM look_again_at - now())::double precision FROM collection_products
            WHERE look_again_at IS NOT NULL ORDER BY look_again_at LIMIT 1
        ) AS seconds
"""


class Work(NamedTuple):
    """What is left to do: rounds to begin, rounds under way, and in how many seconds a membership may end by itself."""

    due: bool
    begun: bool
    seconds: float | None


async def work(db: Db) -> Work:
    row = await db.fetchrow(WORK)
    assert row is not None, "it has no FROM"
    return Work(*row)


LOOK_AGAIN_AT = """
    SELECT product_id FROM collection_products WHERE look_again_at <= now() ORDER BY look_again_at LIMIT $1
"""


async def to_look_at_again(tx: Transaction, most: int) -> list[str]:
    """Products that may have left a collection because time passed."""
    return [row["product_id"] for row in await tx.fetch(LOOK_AGAIN_AT, most)]
