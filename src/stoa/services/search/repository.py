"""The SQL of documents: what is stale, what the products are by now, and how far an index can follow them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from stoa.kit.db import Database, Db, Transaction, later
from stoa.services.search.popularity import OFF_BY, worth
from stoa.services.search.sales_repository import Line, columns


class Stale(NamedTuple):
    """A product's id, or `CATEGORIES` or `ATTRIBUTES` (`document`). `ask`: catalog has to be asked for it."""

    subject: str
    ask: bool
    mark: int


# In the order of the subjects, as everybody locks.
MARK_STALE = """
    INSERT INTO stale AS known (subject, ask) SELECT subject, $2 FROM unnest($1::text[]) AS told (subject) ORDER BY 1
    ON CONFLICT (subject) DO UPDATE SET ask = known.ask OR excluded.ask, mark = excluded.mark
"""


async def mark_stale(db: Db, subjects: Collection[str], *, ask: bool) -> None:
    """Each subject once."""
    if subjects:
        await later(db, MARK_STALE, list(subjects), ask)


class Stock(NamedTuple):
    """Whether a SKU can be bought, as of a version of its stock."""

    sku: str
    available: bool
    version: int


# One statement, and in it first what is sold, then stock, then what is stale: the order in which everybody locks. What
# is older than what is known changes nothing, and so is no reason to look at the product; nor are a few units of many.
LEARN = """
    WITH lines AS (
        INSERT INTO sold (order_id, sku, product_id, units, weight, sold_at)
        SELECT line.* FROM unnest(
            $1::uuid[], $2::text[], $3::uuid[], $4::integer[], $5::float8[], $6::timestamptz[]
        ) AS line (order_id, sku, product_id, units, weight, sold_at)
        WHERE (SELECT true FROM sold AS back WHERE back.order_id = line.order_id AND back.sku = '') IS NULL
        ORDER BY order_id, sku
        ON CONFLICT DO NOTHING
        RETURNING product_id, weight
    ), liked AS (
        INSERT INTO popularity AS known (product_id, weight, popularity, as_of)
        SELECT product_id, sum(weight), greatest(0, sum(weight) * $10), $9
        FROM (
            TABLE lines
            UNION ALL
            SELECT product_id, -weight FROM unnest($7::uuid[], $8::float8[]) AS back (product_id, weight)
        ) AS change
        GROUP BY product_id ORDER BY product_id
        ON CONFLICT (product_id) DO UPDATE SET weight = known.weight + excluded.weight, (popularity, as_of) = (
            SELECT CASE WHEN is_off THEN worth ELSE known.popularity END, CASE WHEN is_off THEN $9 ELSE known.as_of END
            FROM greatest(0, (known.weight + excluded.weight) * $10) AS worth,
                 LATERAL (SELECT abs(worth - known.popularity) > $11 * (1 + known.popularity) AS is_off) AS compared
        )
        RETURNING product_id, popularity = greatest(0, weight * $10) AS otherwise
    ), stocked AS (
        INSERT INTO skus AS known (sku, available, version)
        SELECT sku, available, version
        FROM unnest($12::text[], $13::boolean[], $14::bigint[]) AS told (sku, available, version)
        ORDER BY sku
        ON CONFLICT (sku) DO UPDATE SET available = excluded.available, version = excluded.version
        WHERE excluded.version > known.version
        RETURNING product_id
    ), changed AS (
        SELECT product_id::text AS subject, false AS ask FROM liked WHERE otherwise
        UNION ALL
        SELECT product_id::text, false FROM stocked WHERE product_id IS NOT NULL
        UNION ALL
        SELECT subject, true FROM unnest($15::text[]) AS told (subject)
    )
    INSERT INTO stale AS known (subject, ask) SELECT subject, bool_or(ask) FROM changed GROUP BY subject ORDER BY 1
    ON CONFLICT (subject) DO UPDATE SET ask = known.ask OR excluded.ask, mark = excluded.mark
"""


async def learn(
    tx: Transaction,
    *,
    sold: Collection[Line],
    back: Mapping[str, float],
    stock: Collection[Stock],
    subjects: Collection[str],
    now: datetime,
) -> None:
    """What events tell: lines of orders, those that are known passed over; by product the weight that came `back`;
    stock, each SKU once. What is otherwise by it is stale, and so are the `subjects`."""
    await later(
        tx,
        LEARN,
        *columns(sold),
        list(back),
        list(back.values()),
        now,
        worth(now),
        OFF_BY,
        [one.sku for one in stock],
        [one.available for one in stock],
        [one.version for one in stock],
        list(subjects),
    )


READ_STALE = """
    (SELECT subject, ask, mark FROM stale WHERE subject IN ('attributes', 'categories'))
    UNION ALL
    (SELECT subject, ask, mark FROM stale WHERE subject NOT IN ('attributes', 'categories') ORDER BY mark LIMIT $1)
"""


async def stale(db: Db, most: int) -> list[Stale]:
    """The attributes, the tree, and what has waited longest."""
    return [Stale(*row) for row in await db.fetch(READ_STALE, most)]


HOLD_FEED = "SELECT revision FROM feed FOR UPDATE"


async def hold_feed(tx: Transaction) -> int:
    """Be the only one who writes until the commit; the newest revision."""
    revision: int = await tx.fetchval(HOLD_FEED)
    return revision


ADVANCE = "UPDATE feed SET revision = $1"


async def advance(tx: Transaction, revision: int) -> None:
    await later(tx, ADVANCE, revision)


KNOWN_SKUS = "SELECT sku, version FROM skus WHERE sku = ANY ($1)"


async def known_skus(db: Db, skus: Collection[str]) -> dict[str, int]:
    """Of those whose stock was told or asked for, the version of that."""
    return {row["sku"]: row["version"] for row in await db.fetch(KNOWN_SKUS, list(skus))}


# What an event has told meanwhile is newer than what was asked for.
KEEP_SKUS = """
    INSERT INTO skus AS known (sku, product_id, available, version)
    SELECT sku, product_id, available, 0
    FROM unnest($1::text[], $2::uuid[], $3::boolean[]) AS told (sku, product_id, available)
    ORDER BY sku
    ON CONFLICT (sku) DO UPDATE SET product_id = excluded.product_id
    WHERE known.product_id IS DISTINCT FROM excluded.product_id
"""


async def keep_skus(tx: Transaction, products: Mapping[str, str], available: Collection[str]) -> None:
    """Whose each SKU is; which of those that nothing was told of were `available` when they were asked for."""
    if products:
        await later(tx, KEEP_SKUS, list(products), list(products.values()), [sku in available for sku in products])


# Compared with the version of before the question: what an event told since is newer than the answer.
CORRECT_STOCK = """
    WITH corrected AS (
        UPDATE skus SET available = told.available
        FROM unnest($1::text[], $2::boolean[], $3::bigint[]) AS told (sku, available, version)
        WHERE skus.sku = told.sku AND skus.version = told.version AND skus.available <> told.available
        RETURNING skus.product_id
    )
    INSERT INTO stale AS known (subject, ask)
    SELECT DISTINCT product_id::text, false FROM corrected WHERE product_id IS NOT NULL ORDER BY 1
    ON CONFLICT (subject) DO UPDATE SET mark = excluded.mark
"""


async def correct_stock(db: Db, answers: Collection[Stock]) -> None:
    """What inventory answered about SKUs whose version was known before it was asked."""
    if answers:
        await db.execute(
            CORRECT_STOCK,
            [one.sku for one in answers],
            [one.available for one in answers],
            [one.version for one in answers],
        )


HOLD_STALE = "SELECT subject FROM stale WHERE subject = ANY ($1) ORDER BY subject FOR UPDATE"


async def hold_stale(tx: Transaction, subjects: Collection[str]) -> set[str]:
    """Those of them that nobody has written meanwhile."""
    return {row["subject"] for row in await tx.fetch(HOLD_STALE, list(subjects))}


NO_LONGER_STALE = """
    DELETE FROM stale USING unnest($1::text[], $2::bigint[]) AS done (subject, mark)
    WHERE stale.subject = done.subject AND stale.mark = done.mark
"""


async def no_longer_stale(tx: Transaction, done: Collection[Stale]) -> None:
    """What was marked again since it was read stays."""
    if done:
        await later(tx, NO_LONGER_STALE, [one.subject for one in done], [one.mark for one in done])


class Kept(NamedTuple):
    """What is kept of a product; `document` is None for one that is gone."""

    product_id: str
    product_version: int
    category_id: str | None
    document: bytes | None


READ_KEPT = """
    SELECT product_id, product_version, category_id, document FROM documents WHERE product_id = ANY ($1::uuid[])
"""


async def kept(db: Db, product_ids: Collection[str]) -> dict[str, Kept]:
    return {row["product_id"]: Kept(*row) for row in await db.fetch(READ_KEPT, list(product_ids))}


WRITTEN_SINCE = "SELECT product_id FROM documents WHERE product_id = ANY ($1::uuid[]) AND revision > $2"


async def written_since(db: Db, product_ids: Collection[str], revision: int) -> set[str]:
    """Those of them that were written after a revision."""
    return {row["product_id"] for row in await db.fetch(WRITTEN_SINCE, list(product_ids), revision)}


class Selling(NamedTuple):
    """Of a product: those of its SKUs that can be bought, and how popular it is."""

    available: Collection[str] = ()
    popularity: float = 0.0


READ_SELLING = """
    SELECT product_id, ARRAY(SELECT sku FROM skus WHERE skus.product_id = asked.product_id AND available),
           coalesce(popularity, 0)
    FROM unnest($1::uuid[]) AS asked (product_id) LEFT JOIN popularity USING (product_id)
"""


async def selling(db: Db, product_ids: Collection[str]) -> dict[str, Selling]:
    """Of each of them."""
    return {row["product_id"]: Selling({*row[1]}, row[2]) for row in await db.fetch(READ_SELLING, list(product_ids))}


WRITE = """
    INSERT INTO documents AS known (product_id, product_version, revision, category_id, document)
    SELECT product_id, product_version, revision, category_id, document
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::bytea[])
         AS new (product_id, product_version, revision, category_id, document)
    ORDER BY product_id
    ON CONFLICT (product_id) DO UPDATE
    SET product_version = excluded.product_version, revision = excluded.revision, category_id = excluded.category_id,
        document = excluded.document, changed_at = now()
"""


async def write(tx: Transaction, documents: Sequence[Kept], revisions: Sequence[int]) -> None:
    """Each under its revision, with the feed held: so what it replaces is what was read."""
    if documents:
        await tx.execute(
            WRITE,
            [one.product_id for one in documents],
            [one.product_version for one in documents],
            list(revisions),
            [one.category_id for one in documents],
            [one.document for one in documents],
        )


class CategoryRow(NamedTuple):
    """`names` and `slugs` are by locale, where they differ from those of the shop's own language; `old_slugs` are those
    that it had, and no category has."""

    id: str
    parent_id: str | None
    slug: str
    name: str
    names: Mapping[str, str]
    slugs: Mapping[str, str]
    old_slugs: Sequence[str]


READ_CATEGORIES = "SELECT id, parent_id, slug, name, names, slugs, old_slugs FROM categories"


async def categories(db: Db) -> dict[str, CategoryRow]:
    """The whole tree, by id."""
    return {row["id"]: CategoryRow(*row) for row in await db.fetch(READ_CATEGORIES)}


KEEP_CATEGORIES = """
    INSERT INTO categories AS known (id, parent_id, slug, name, names, slugs, old_slugs)
    SELECT id, parent_id, slug, name, names, slugs, $7::jsonb -> (at::integer - 1)
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::jsonb[]) WITH ORDINALITY
        AS told (id, parent_id, slug, name, names, slugs, at)
    ORDER BY 1
    ON CONFLICT (id) DO UPDATE
    SET parent_id = excluded.parent_id, slug = excluded.slug, name = excluded.name, names = excluded.names,
        slugs = excluded.slugs, old_slugs = excluded.old_slugs
    WHERE (known.parent_id, known.slug, known.name, known.names, known.slugs, known.old_slugs) IS DISTINCT FROM
        (excluded.parent_id, excluded.slug, excluded.name, excluded.names, excluded.slugs, excluded.old_slugs)
"""
REMOVE_CATEGORIES = "DELETE FROM categories WHERE id <> ALL ($1::uuid[])"
MARK_INSIDE = """
    INSERT INTO stale AS known (subject, ask)
    SELECT product_id::text, false FROM documents WHERE category_id = ANY ($1::uuid[]) AND document IS NOT NULL
    ORDER BY 1
    ON CONFLICT (subject) DO UPDATE SET mark = excluded.mark
"""


async def keep_categories(tx: Transaction, tree: Collection[CategoryRow], changed: Collection[str]) -> None:
    """The tree as it is now; the products in the `changed` categories are stale then."""
    columns = [[one[at] for one in tree] for at in range(len(CategoryRow._fields))]
    await tx.execute(KEEP_CATEGORIES, *columns)
    await tx.execute(REMOVE_CATEGORIES, columns[0])
    await tx.execute(MARK_INSIDE, list(changed))


class Head(NamedTuple):
    """How far the documents are. `database` is another one where it was made anew, as from a backup."""

    revision: int
    generation: int
    rules_revision: int
    attributes_revision: int
    forgotten: int
    database: int


HEAD = """
    SELECT revision, generation, rules_revision, attributes_revision, forgotten,
           (SELECT oid::bigint FROM pg_database WHERE datname = current_database()) AS database
    FROM feed
"""


async def head(db: Db) -> Head:
    row = await db.fetchrow(HEAD)
    assert row is not None
    return Head(*row)


class Change(NamedTuple):
    """A document as of a revision; None: it is gone since. `age_seconds` was it written ago, and not later."""

    product_id: str
    revision: int
    document: bytes | None
    age_seconds: float


CHANGES_AFTER = """
    SELECT product_id, revision, document, extract(epoch FROM now() - changed_at)::float8 AS age_seconds
    FROM documents WHERE revision > $1 ORDER BY revision LIMIT $2
"""


async def changes_after(db: Db, revision: int, most: int) -> list[Change]:
    """The next in the order in which they were committed."""
    return [Change(*row) for row in await db.fetch(CHANGES_AFTER, revision, most)]


BUILD_ANEW = "UPDATE feed SET generation = generation + 1 RETURNING generation"


async def build_anew(db: Db) -> int:
    """Have every process build its index anew; which time that is."""
    generation: int = await db.fetchval(BUILD_ANEW)
    return generation


STEP = """
    WITH next AS MATERIALIZED (
        SELECT product_id FROM documents WHERE product_id > $3 AND document IS NOT NULL ORDER BY product_id LIMIT $4
    ), done AS (
        DELETE FROM stale WHERE subject = $1 AND mark = $2
    )
    INSERT INTO stale AS known (subject, ask)
    SELECT subject, true FROM (
        SELECT product_id::text AS subject FROM next
        UNION ALL
        SELECT $5 || max(product_id::text) FROM next HAVING count(*) = $4
    ) AS marked
    ORDER BY subject
    ON CONFLICT (subject) DO UPDATE SET ask = true, mark = excluded.mark
"""


async def step(db: Db, walk: Stale, prefix: str, most: int) -> None:
    """Mark so many of the products that a walk comes to next, and where it goes on."""
    await db.execute(STEP, walk.subject, walk.mark, walk.subject.removeprefix(prefix), most, prefix)


class Index(NamedTuple):
    """Of a process: for which `generation` it is or is being built, having `done` so many changes `of` so many."""

    process: str
    generation: int
    done: int
    of: int


TELL_INDEX = """
    INSERT INTO indexes (process, generation, done, of) VALUES ($1, $2, $3, $4)
    ON CONFLICT (process) DO UPDATE
    SET generation = excluded.generation, done = excluded.done, of = excluded.of, told_at = now()
"""


async def tell_index(db: Db, index: Index) -> None:
    await db.execute(TELL_INDEX, *index)


READ_INDEXES = "SELECT process, generation, done, of FROM indexes WHERE generation >= $1 ORDER BY process"


async def indexes(db: Db, generation: int) -> list[Index]:
    """Those that are built for this generation, or are being."""
    return [Index(*row) for row in await db.fetch(READ_INDEXES, generation)]


FORGET_INDEX = "DELETE FROM indexes WHERE process = $1"


async def forget_index(db: Db, process: str) -> None:
    await db.execute(FORGET_INDEX, process)


FORGET_INDEXES = "DELETE FROM indexes WHERE told_at < $1 AND generation < (SELECT generation FROM feed)"


async def forget_indexes(db: Db, told_before: datetime) -> None:
    """Of processes that were killed, or have not told of a newer one for as long."""
    await db.execute(FORGET_INDEXES, told_before)


COUNT_DOCUMENTS = "SELECT count(*) FROM documents WHERE document IS NOT NULL"


async def count_documents(db: Db) -> int:
    count: int = await db.fetchval(COUNT_DOCUMENTS)
    return count


NOT_LISTED = """
    INSERT INTO stale AS known (subject, ask)
    SELECT product_id::text, true FROM documents
    WHERE product_id > $1 AND product_id <= $2 AND product_id <> ALL ($3::uuid[]) AND document IS NOT NULL
    ORDER BY 1
    ON CONFLICT (subject) DO UPDATE SET ask = true, mark = excluded.mark
"""


async def mark_not_listed(db: Db, after: str, through: str, listed: Collection[str]) -> None:
    """Of a part of the ids those that catalog's list does not have: it is to be asked for them."""
    await db.execute(NOT_LISTED, after, through, list(listed))


FORGET_GONE = """
    WITH first AS MATERIALIZED (
        SELECT product_id, revision FROM documents WHERE document IS NULL AND changed_at < $1
        ORDER BY changed_at LIMIT $2
    ), gone AS (
        DELETE FROM documents USING first
        WHERE documents.product_id = first.product_id AND documents.revision = first.revision
        RETURNING documents.product_id, documents.revision
    ), noted AS (
        UPDATE feed SET forgotten = greatest(forgotten, (SELECT max(revision) FROM gone))
        WHERE EXISTS (SELECT FROM gone)
    )
    DELETE FROM skus USING gone WHERE skus.product_id = gone.product_id
"""
COUNT_GONE = "SELECT count(*) FROM (SELECT FROM documents WHERE document IS NULL AND changed_at < $1 LIMIT $2) AS gone"


async def forget_gone(db: Database, gone_before: datetime, most: int) -> int:
    """End so many of the oldest tombstones; how many."""
    async with db.transaction() as tx:
        await hold_feed(tx)
        found: int = await tx.fetchval(COUNT_GONE, gone_before, most)
        if found:
            await tx.execute(FORGET_GONE, gone_before, most)
    return found


class Waiting(NamedTuple):
    """How much waits to be looked at, and for how long the first of it."""

    marks: int
    seconds: float


READ_WAITING = """
    SELECT count(*), coalesce(extract(epoch FROM now() - min(since)), 0)::float8
    FROM (SELECT since FROM stale LIMIT $1) AS waiting
"""


async def waiting(db: Db, most: int) -> Waiting:
    """Of all that is stale, counted up to so many."""
    row = await db.fetchrow(READ_WAITING, most)
    assert row is not None
    return Waiting(*row)
