"""All of catalog's SQL but that of the category tree.

Who changes a product or a variant of it holds the product's row. Rows of several products are written in the order of
their slugs and SKUs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
from msgspec.structs import replace

from stoa.kit.by_index import plan_for_arguments
from stoa.kit.custom_fields.values import fields_of
from stoa.kit.db import Database, Db, Transaction
from stoa.kit.money import Money
from stoa.services.catalog.errors import SkuTaken, SlugTaken
from stoa.services.catalog.product import (
    CategoryName,
    Image,
    Option,
    Product,
    Standing,
    Variant,
    Withheld,
    in_order,
    is_id,
)

# ----------------------------------------------------------------------------------------------------- lists

# A list is assembled from these pieces, never from values. Only the filters that are given stand in it: then
# PostgreSQL reads it, in its order, from the index that begins with them.
_CARDS = """
    SELECT product.id, product.slug, product.name, product.brand, product.standing,
        category.id AS category_id, category.slug AS category_slug, category.name AS category_name,
        product.price_minor, product.price_max_minor, product.currency, product.image,
        ARRAY(
            SELECT sku FROM variants
            WHERE product_id = product.id AND archived_at IS NULL
            ORDER BY position, sku
        ) AS skus
    FROM ({page}) AS product
    LEFT JOIN categories AS category ON category.id = product.category_id
    ORDER BY {order}
"""

_PAGE = """
    SELECT id, slug, name, brand, standing, category_id, price_minor, price_max_minor, currency, images -> 0 AS image
    FROM products AS product
    WHERE {conditions}
    ORDER BY {order}
    LIMIT $2
"""

# Of those with one value of a custom field: the list that is kept of them has the order, and only a page is read.
_PAGE_OF_VALUE = """
    SELECT id, slug, name, brand, product.standing, category_id, price_minor, price_max_minor, currency,
        images -> 0 AS image
    FROM (
        SELECT subject FROM custom_field_values
        WHERE field = {field} AND value = {value} AND standing = $1 AND {conditions}
        ORDER BY subject DESC
        LIMIT $2
    ) AS listed
    JOIN products AS product ON product.id = listed.subject
"""

# A category with all that is inside it.
_INSIDE = """
    WITH RECURSIVE inside AS (
        SELECT id FROM categories WHERE slug = {category}
        UNION
        SELECT below.id FROM categories AS below JOIN inside ON below.parent_id = inside.id
    )
"""

# A page of each category inside, and of these together the first: no category is read to its end.
_PAGE_OF_PAGES = """
    SELECT product.* FROM inside CROSS JOIN LATERAL ({page}) AS product
    ORDER BY {order}
    LIMIT $2
"""

_CONDITIONS = {
    "seller_id": "product.seller_id = {seller_id}",
    "brand": "product.brand = {brand}",
    "min_price": "product.price_minor >= {min_price}",
    "max_price": "product.price_minor <= {max_price}",
}


NAME_START = 60
"""Products are sorted by so many characters of their names: a cursor holds them, and may not be long."""

_NAME = f"lower(left(product.name, {NAME_START}))"


# For each order what it sorts by, and what comes after a product: its id, and its price or name.
_ORDERS = {
    "newest": ("product.id DESC", "product.id < {id}"),
    "price": ("product.price_minor, product.id", "(product.price_minor, product.id) > ({place}, {id})"),
    "-price": ("product.price_minor DESC, product.id DESC", "(product.price_minor, product.id) < ({place}, {id})"),
    "name": (f"{_NAME}, product.id", f"({_NAME}, product.id) > (lower({{place}}::text), {{id}})"),
}


def list_statement(sort: str, given: Sequence[str]) -> str:
    """Takes the standing, the limit, and what is `given`, in this order: filters, and of the page before the last
    product's `id` and `place`. A custom `field` with its `value` goes with the newest first, and no other filter."""
    order, after = _ORDERS[sort]
    number = {name: f"${at}" for at, name in enumerate(given, start=3)}
    if "field" in given:
        before = "subject < {id}" if "id" in given else "true"
        statement = _CARDS.replace("{page}", _PAGE_OF_VALUE).replace("{conditions}", before).replace("{order}", order)
        return statement.format_map(number)
    conditions = ["product.standing = $1", *(_CONDITIONS[name] for name in given if name in _CONDITIONS)]
    if "id" in given:
        conditions.append(after)
    inside, page = "", _PAGE
    if "category" in given:
        inside = _INSIDE
        if {"brand", "seller_id"}.isdisjoint(given):
            page = _PAGE_OF_PAGES.replace("{page}", _PAGE)
            conditions.append("product.category_id = inside.id")
        else:
            conditions.append("product.category_id IN (SELECT id FROM inside)")
    statement = (inside + _CARDS).replace("{page}", page).replace("{conditions}", " AND ".join(conditions))
    return statement.replace("{order}", order).format_map(number)


def depends_on_arguments(given: Collection[str]) -> bool:
    """Whether the list is best read in its order or by what narrows it, depends on how wide a range is, or on whose the
    products are: where nearly all are of one brand, one that has none would be looked for in all of them."""
    return {"min_price", "max_price"} <= set(given) or not {"brand", "seller_id"}.isdisjoint(given)


class Card(NamedTuple):
    """A product as a list shows it: its prices are its variants' lowest and highest."""

    id: str
    slug: str
    name: str
    brand: str
    standing: Standing
    category: CategoryName | None
    price: Money | None
    price_max: Money | None
    image: Image | None
    skus: list[str]


class Changed(NamedTuple):
    """A product that was changed with others, as its event tells it."""

    id: str
    slug: str
    version: int
    seller_id: str | None


class ForSale(NamedTuple):
    """A variant that can be bought, with what a cart shows of its product."""

    id: str
    sku: str
    product_id: str
    product_name: str
    product_slug: str
    name: str
    price_minor: int
    currency: str


Value = tuple[str, str, str]
"""What a variant has for an option: the product's id, the option's name and the text."""


class Owner(NamedTuple):
    """Who sells a SKU (None: the shop itself), as of a version of its product."""

    sku: str
    seller_id: str | None
    product_version: int


class UnsettledSeller(NamedTuple):
    id: str
    barred: bool


# -------------------------------------------------------------------------------------------------- products

# OFFSET 0 keeps the values by their index: without statistics PostgreSQL would read all there are, for each product.
_PRODUCT = """
    SELECT product.id, product.slug, product.name, product.description, product.brand,
        category.id AS category_id, category.slug AS category_slug, category.name AS category_name,
        product.status, product.standing, product.withheld_at, product.withheld_by, product.withheld_reason,
        product.seller_id, product.tags, product.specifications, product.images,
        named_fields(product.custom_fields) AS custom_fields, product.metadata,
        product.version, product.created_at, product.updated_at,
        (
            SELECT coalesce(json_agg(json_build_array(
                id, sku, name, price_minor, currency, position, option_values, named_fields(custom_fields), metadata
            )), '[]')
            FROM variants WHERE product_id = product.id AND archived_at IS NULL
        ) AS variants,
        (
            SELECT coalesce(json_agg(json_build_array(value.id, option.name, value.value)
                ORDER BY option.position, option.name), '[]')
            FROM product_options AS option CROSS JOIN LATERAL (
                SELECT id, value FROM option_values WHERE option_id = option.id OFFSET 0
            ) AS value
            WHERE option.product_id = product.id
        ) AS option_values
    FROM products AS product
    LEFT JOIN categories AS category ON category.id = product.category_id
"""

PRODUCT_BY_ID = _PRODUCT + "WHERE product.id = $1"


async def product_by_id(db: Db, product_id: str) -> Product | None:
    row = await db.fetchrow(PRODUCT_BY_ID, product_id)
    return None if row is None else _product(row)


PRODUCT_BY_SLUG = _PRODUCT + "WHERE product.slug = $1"


async def product_by_slug(db: Db, slug: str) -> Product | None:
    row = await db.fetchrow(PRODUCT_BY_SLUG, slug)
    return None if row is None else _product(row)


PRODUCTS_BY_IDS = _PRODUCT + "WHERE product.id = ANY($1::uuid[]) ORDER BY product.id"


async def products_by_ids(db: Db, product_ids: Sequence[str]) -> list[Product]:
    return [_product(row) for row in await db.fetch(PRODUCTS_BY_IDS, list(product_ids))]


PRODUCTS_AFTER = _PRODUCT + "WHERE product.id > $1 ORDER BY product.id LIMIT $2"


async def products_after(db: Db, product_id: str, limit: int) -> list[Product]:
    """Wherever they stand, in the order of their ids."""
    return [_product(row) for row in await db.fetch(PRODUCTS_AFTER, product_id, limit)]


LOCK_BY_ID = "SELECT id FROM products WHERE id = $1 FOR UPDATE"


LOCK_BY_SLUG = "SELECT id FROM products WHERE slug = $1 FOR UPDATE"


async def lock_product(tx: Transaction, *, product_id: str | None = None, slug: str | None = None) -> Product | None:
    """Locked first, then read, so that it is what was committed last."""
    if product_id is None:
        product_id = await tx.fetchval(LOCK_BY_SLUG, slug)
    else:
        product_id = await tx.fetchval(LOCK_BY_ID, product_id)
    return None if product_id is None else await product_by_id(tx, product_id)


# In the order of their ids, as all do who lock several.
LOCK_PRODUCTS = """
    SELECT id FROM products
    WHERE id IN (
        SELECT id FROM products WHERE id = ANY($1::uuid[])
        UNION
        SELECT id FROM products WHERE slug = ANY($2::text[])
    )
    ORDER BY id
    FOR UPDATE
"""


async def lock_products(tx: Transaction, product_ids: Sequence[str], slugs: Sequence[str]) -> list[Product]:
    """Those of these ids and those of these slugs, as they were committed last."""
    locked = await tx.fetch(LOCK_PRODUCTS, product_ids, slugs)
    return await products_by_ids(tx, [row["id"] for row in locked])


def _product(row: asyncpg.Record) -> Product:
    return Product(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        description=row["description"],
        brand=row["brand"],
        category=_category_name(row),
        status=row["status"],
        standing=row["standing"],
        withheld=_withheld(row),
        seller_id=row["seller_id"],
        tags=row["tags"],
        specifications=row["specifications"],
        images=[Image(**image) for image in row["images"]],
        variants=_variants(row["variants"], row["option_values"]),
        custom_fields=fields_of(row["custom_fields"]),
        metadata=row["metadata"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _variants(rows: Sequence[Any], values: Sequence[Any]) -> list[Variant]:
    """`values` stand as they are shown: by their option."""
    place = {value_id: at for at, (value_id, _, _) in enumerate(values)}
    variants = []
    for variant_id, sku, name, price_minor, currency, position, value_ids, fields, metadata in rows:
        options = dict(values[at][1:] for at in sorted(place[each] for each in value_ids))
        price = Money(price_minor, currency)
        variants.append(Variant(variant_id, sku, name, price, position, options, fields_of(fields), metadata))
    return in_order(variants)


def _withheld(row: asyncpg.Record) -> Withheld | None:
    if row["withheld_at"] is None:
        return None
    return Withheld(row["withheld_at"], row["withheld_by"], row["withheld_reason"])


def _category_name(row: asyncpg.Record) -> CategoryName | None:
    if row["category_id"] is None:
        return None
    return CategoryName(row["category_id"], row["category_slug"], row["category_name"])


async def cards(
    db: Database, sort: str, standing: str, *, limit: int, filters: Mapping[str, Any], after: Sequence[Any] | None
) -> list[Card]:
    """A page of the list in this order, of those that fit all `filters`.

    `after` is the position before the page: the id, and the price or name where it sorts by that.
    """
    given = dict(filters) | dict(zip(("id", "place"), after or (), strict=False))
    sql, arguments = list_statement(sort, tuple(given)), (standing, limit, *given.values())
    if depends_on_arguments(given):
        async with db.transaction() as tx:
            await plan_for_arguments(tx)
            rows = await tx.fetch(sql, *arguments)
    else:
        rows = await db.fetch(sql, *arguments)
    return [_card(row) for row in rows]


def _card(row: asyncpg.Record) -> Card:
    currency = row["currency"]
    return Card(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        brand=row["brand"],
        standing=row["standing"],
        category=_category_name(row),
        price=None if currency is None else Money(row["price_minor"], currency),
        price_max=None if currency is None else Money(row["price_max_minor"], currency),
        image=None if row["image"] is None else Image(**row["image"]),
        skus=row["skus"],
    )


ADD_PRODUCTS = """
    INSERT INTO products (
        id, slug, name, description, brand, category_id, status, seller_id, tags, specifications, images,
        price_minor, price_max_minor, currency, custom_fields, metadata, seller_barred
    )
    SELECT id, slug, name, description, brand, category_id, status, seller_id, tags, specifications, images,
        price_minor, price_max_minor, currency, numbered_fields('product', nullif(custom_fields, '{}')), metadata,
        coalesce(seller_id = ANY($2::uuid[]), false)
    FROM jsonb_to_recordset($1) AS new (
        id uuid, slug text, name text, description text, brand text, category_id uuid, status text, seller_id uuid,
        tags text[], specifications jsonb, images jsonb, price_minor bigint, price_max_minor bigint, currency text,
        custom_fields jsonb, metadata jsonb
    )
    ORDER BY slug
    ON CONFLICT (slug) DO NOTHING
    RETURNING id, version, standing, created_at, updated_at, specifications, metadata,
        named_fields(custom_fields) AS custom_fields
"""


async def add_products(tx: Transaction, products: Sequence[Product], barred: Iterable[str]) -> list[Product]:
    """Without their variants; those whose slug was free, as they are then. `barred` are sellers."""
    rows = await tx.fetch(ADD_PRODUCTS, [_columns(product) for product in products], list(barred))
    return _as_written(products, rows)


CHANGE_PRODUCTS = """
    UPDATE products SET
        slug = new.slug, name = new.name, description = new.description, brand = new.brand,
        category_id = new.category_id, status = new.status, tags = new.tags, specifications = new.specifications,
        images = new.images, price_minor = new.price_minor, price_max_minor = new.price_max_minor,
        currency = new.currency, withheld_at = new.withheld_at, withheld_by = new.withheld_by,
        withheld_reason = new.withheld_reason,
        custom_fields = numbered_fields('product', nullif(new.custom_fields, '{}')), metadata = new.metadata,
        version = version + 1, updated_at = now()
    FROM jsonb_to_recordset($1) AS new (
        id uuid, slug text, name text, description text, brand text, category_id uuid, status text, tags text[],
        specifications jsonb, images jsonb, price_minor bigint, price_max_minor bigint, currency text,
        withheld_at timestamptz, withheld_by uuid, withheld_reason text, custom_fields jsonb, metadata jsonb
    )
    WHERE products.id = new.id
    RETURNING products.id, products.version, products.standing, products.updated_at, products.specifications,
        products.metadata, named_fields(products.custom_fields) AS custom_fields
"""


async def change_products(tx: Transaction, products: Sequence[Product]) -> list[Product]:
    """Locked ones, without their variants; as they are then, each one version on. Raises `SlugTaken`."""
    try:
        rows = await tx.fetch(CHANGE_PRODUCTS, [_columns(product) for product in products])
    except asyncpg.UniqueViolationError as violation:
        raise SlugTaken(_named(violation)) from None
    return _as_written(products, rows)


def _named(violation: asyncpg.UniqueViolationError) -> str:
    """The slug in `Key (slug)=(mug) already exists.`"""
    return (violation.detail or "").partition(")=(")[2].partition(")")[0]


def _as_written(products: Sequence[Product], rows: Sequence[asyncpg.Record]) -> list[Product]:
    written = {row["id"]: {**row, "custom_fields": fields_of(row["custom_fields"])} for row in rows}
    return [replace(product, **written[product.id]) for product in products if product.id in written]


def _columns(product: Product) -> dict[str, Any]:
    lowest, highest, withheld = product.price, product.price_max, product.withheld
    return {
        "id": product.id,
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "brand": product.brand,
        "category_id": product.category.id if product.category else None,
        "status": product.status,
        "seller_id": product.seller_id,
        "tags": product.tags,
        "specifications": product.specifications,
        "images": product.images,
        "price_minor": lowest.amount if lowest else 0,
        "price_max_minor": highest.amount if highest else 0,
        "currency": lowest.currency if lowest else None,
        "custom_fields": product.custom_fields.shown(private=True),
        "metadata": product.metadata,
        "withheld_at": withheld.at if withheld else None,
        "withheld_by": withheld.by if withheld else None,
        "withheld_reason": withheld.reason if withheld else None,
    }


# -------------------------------------------------------------------------------------------------- variants


# A SKU of the same product comes back from the archive; another product's is left as it is and missing from the answer.
WRITE_VARIANTS = """
    INSERT INTO variants (
        id, sku, product_id, name, price_minor, currency, position, option_values, custom_fields, metadata
    )
    SELECT id, sku, product_id, name, price_minor, currency, position, option_values,
        numbered_fields('variant', nullif(custom_fields, '{}')), metadata
    FROM jsonb_to_recordset($1) AS new (
        id uuid, sku text, product_id uuid, name text, price_minor bigint, currency text, position integer,
        option_values uuid[], custom_fields jsonb, metadata jsonb
    )
    ORDER BY sku
    ON CONFLICT (sku) DO UPDATE SET
        name = EXCLUDED.name, price_minor = EXCLUDED.price_minor, currency = EXCLUDED.currency,
        position = EXCLUDED.position, option_values = EXCLUDED.option_values, archived_at = NULL,
        custom_fields = EXCLUDED.custom_fields, metadata = EXCLUDED.metadata
    WHERE variants.product_id = EXCLUDED.product_id
    RETURNING sku, id, named_fields(custom_fields) AS custom_fields, metadata
"""


async def write_variants(
    tx: Transaction, variants: Mapping[str, Sequence[Variant]], value_ids: Mapping[Value, str]
) -> dict[str, Variant]:
    """By product id: new ones are added, others of the same product replaced; by SKU as they are then. Raises
    `SkuTaken`.

    A SKU of the archive has the id that it had.
    """
    skus = Counter(variant.sku for some in variants.values() for variant in some)
    if len(skus) < skus.total():
        raise SkuTaken([sku for sku, times in skus.items() if times > 1])
    rows = [
        {
            "id": variant.id,
            "sku": variant.sku,
            "product_id": product_id,
            "name": variant.name,
            "price_minor": variant.price.amount,
            "currency": variant.price.currency,
            "position": variant.position,
            "custom_fields": variant.custom_fields.shown(private=True),
            "metadata": variant.metadata,
            "option_values": sorted(value_ids[product_id, *option] for option in variant.options.items()),
        }
        for product_id, some in variants.items()
        for variant in some
    ]
    written = {row["sku"]: row for row in await tx.fetch(WRITE_VARIANTS, rows)}
    taken = [sku for sku in skus if sku not in written]
    if taken:
        raise SkuTaken(taken)
    sent = (variant for some in variants.values() for variant in some)
    return {variant.sku: _variant_as_written(variant, written[variant.sku]) for variant in sent}


def _variant_as_written(variant: Variant, row: asyncpg.Record) -> Variant:
    fields = fields_of(row["custom_fields"])
    return replace(variant, id=row["id"], custom_fields=fields, metadata=row["metadata"])


WRITE_OPTIONS = """
    WITH new AS (
        SELECT product_id, name, position, value
        FROM jsonb_to_recordset($1) AS new (product_id uuid, name text, position integer, value text)
    ), option AS (
        INSERT INTO product_options (id, product_id, name, position)
        SELECT gen_random_uuid(), product_id, name, position FROM new
        GROUP BY product_id, name, position
        ON CONFLICT (product_id, name) DO UPDATE SET position = EXCLUDED.position
        RETURNING id, product_id, name
    ), value AS (
        INSERT INTO option_values (id, option_id, value)
        SELECT gen_random_uuid(), option.id, new.value FROM new JOIN option USING (product_id, name)
        ON CONFLICT (option_id, value) DO UPDATE SET value = EXCLUDED.value
        RETURNING id, option_id, value
    )
    SELECT option.product_id, option.name, value.value, value.id
    FROM value JOIN option ON option.id = value.option_id
"""


async def write_options(tx: Transaction, options: Mapping[str, Sequence[Option]]) -> dict[Value, str]:
    """The options by product id, in their order; the ids of their values, whether they are new or not."""
    rows = [
        {"product_id": product_id, "name": option.name, "position": position, "value": value}
        for product_id, some in options.items()
        for position, option in enumerate(some)
        for value in option.values
    ]
    if not rows:
        return {}
    return {(row[0], row[1], row[2]): row[3] for row in await tx.fetch(WRITE_OPTIONS, rows)}


# NOT IN, which is one pass over the variants: to look for each value among them takes the square of a large product.
FORGET_VALUES = """
    DELETE FROM option_values AS value USING product_options AS option
    WHERE option.id = value.option_id AND option.product_id = ANY($1::uuid[])
        AND value.id NOT IN (SELECT unnest(option_values) FROM variants WHERE product_id = ANY($1::uuid[]))
"""


FORGET_OPTIONS = """
    DELETE FROM product_options AS option
    WHERE product_id = ANY($1::uuid[]) AND NOT EXISTS (SELECT FROM option_values WHERE option_id = option.id)
"""


async def forget_options(tx: Transaction, product_ids: Sequence[str]) -> None:
    """Those of the products that no variant has any more, archived ones included."""
    await tx.execute(FORGET_VALUES, product_ids)
    await tx.execute(FORGET_OPTIONS, product_ids)


# Two products that claim each other's SKUs wait for each other here, and not in a circle later.
LOCK_VARIANTS = "SELECT FROM variants WHERE sku = ANY($1::text[]) ORDER BY sku FOR UPDATE"


async def lock_variants(tx: Transaction, skus: Iterable[str]) -> None:
    """Those that exist, whosever they are."""
    await tx.execute(LOCK_VARIANTS, list(skus))


WHOSE_SKUS = "SELECT sku, product_id FROM variants WHERE sku = ANY($1::text[])"


async def whose_skus(db: Db, skus: Iterable[str]) -> dict[str, str]:
    """The products' ids by SKU, archived ones included."""
    return {row["sku"]: row["product_id"] for row in await db.fetch(WHOSE_SKUS, list(skus))}


ARCHIVE_VARIANTS = "UPDATE variants SET archived_at = now() WHERE sku = ANY($1::text[]) AND archived_at IS NULL"


async def archive_variants(tx: Transaction, skus: Iterable[str]) -> None:
    """Locked ones."""
    await tx.execute(ARCHIVE_VARIANTS, list(skus))


VARIANT_BY_ID = "SELECT product_id, sku FROM variants WHERE id = $1 AND archived_at IS NULL"


VARIANT_BY_SKU = "SELECT product_id, sku FROM variants WHERE sku = $1 AND archived_at IS NULL"


async def find_variant(db: Db, sku_or_id: str) -> tuple[str, str] | None:
    """Its product's id, and its SKU: nothing keeps a SKU from looking like another variant's id, which comes first."""
    row = await db.fetchrow(VARIANT_BY_ID, sku_or_id) if is_id(sku_or_id) else None
    row = row or await db.fetchrow(VARIANT_BY_SKU, sku_or_id)
    return None if row is None else (row["product_id"], row["sku"])


# LIMIT here and below, so that each product is looked up: what all have in common is no way to find a few.
VARIANTS_FOR_SALE = """
    SELECT variant.id, variant.sku, variant.product_id, product.name AS product_name, product.slug AS product_slug,
        variant.name, variant.price_minor, variant.currency
    FROM variants AS variant
    CROSS JOIN LATERAL (SELECT * FROM products WHERE id = variant.product_id LIMIT 1) AS product
    WHERE variant.sku = ANY($1::text[]) AND variant.archived_at IS NULL AND product.standing = 'active'
        AND (SELECT barred FROM sellers WHERE id = product.seller_id) IS NOT TRUE
"""


async def variants_for_sale(db: Db, skus: Sequence[str]) -> list[ForSale]:
    return [ForSale(*row) for row in await db.fetch(VARIANTS_FOR_SALE, list(skus))]


OWNERS_OF = """
    SELECT variant.sku, product.seller_id, product.version
    FROM variants AS variant
    CROSS JOIN LATERAL (SELECT * FROM products WHERE id = variant.product_id LIMIT 1) AS product
    WHERE variant.sku = ANY($1::text[])
"""


async def owners_of(db: Db, skus: Sequence[str]) -> list[Owner]:
    """Of those that exist, archived or not."""
    return [Owner(*row) for row in await db.fetch(OWNERS_OF, list(skus))]


# --------------------------------------------------------------------------------------------------- sellers

KNOW_SELLERS = """
    INSERT INTO sellers (id, barred, version) SELECT id, false, 0 FROM unnest($1::uuid[]) AS id ORDER BY id
    ON CONFLICT DO NOTHING
"""


# Shared by all who add products of one seller; who bars him waits for them, and then finds theirs.
BARRED_SELLERS = "SELECT id, barred FROM sellers WHERE id = ANY($1::uuid[]) ORDER BY id FOR SHARE"


async def barred_sellers(tx: Transaction, seller_ids: Iterable[str]) -> set[str]:
    """Those that may not sell; that stays so until the end of the transaction."""
    ids = list(seller_ids)
    await tx.execute(KNOW_SELLERS, ids)
    return {row["id"] for row in await tx.fetch(BARRED_SELLERS, ids) if row["barred"]}


NOTE_SELLER = """
    INSERT INTO sellers AS known (id, barred, version, settled) VALUES ($1, $2, $3, NOT $2)
    ON CONFLICT (id) DO UPDATE SET barred = excluded.barred, version = excluded.version,
        settled = known.settled AND known.barred = excluded.barred
    WHERE excluded.version > known.version
"""


async def note_seller(tx: Transaction, seller_id: str, version: int, *, barred: bool) -> None:
    """Remember what auth told, unless something newer is known."""
    await tx.execute(NOTE_SELLER, seller_id, barred, version)


# Locked: nobody bars him or lets him sell meanwhile, and nobody adds a product of his. Whom somebody else has in hand
# is left to a later look: who waited for one could hold another, whom the batch of an inbox wants next.
LOCK_UNSETTLED_SELLER = """
    SELECT id, barred FROM sellers WHERE NOT settled ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""


async def lock_unsettled_seller(tx: Transaction) -> UnsettledSeller | None:
    """One whose products may not all say yet whether he may sell."""
    row = await tx.fetchrow(LOCK_UNSETTLED_SELLER)
    return None if row is None else UnsettledSeller(*row)


ANY_UNSETTLED = "SELECT EXISTS (SELECT FROM sellers WHERE NOT settled)"


async def any_unsettled(db: Db) -> bool:
    found: bool = await db.fetchval(ANY_UNSETTLED)
    return found


# In the order of the ids. With `seller_id = $1` PostgreSQL knows that order by the primary key too, and would rather
# look for a large seller's among everybody's products, past all that earlier rounds have turned.
TURN_PRODUCTS = """
    UPDATE products SET seller_barred = NOT seller_barred, version = version + 1, updated_at = now()
    WHERE id IN (
        SELECT id FROM products WHERE seller_id BETWEEN $1 AND $1 AND seller_barred = $2
        ORDER BY seller_id, id LIMIT $3
        FOR UPDATE
    )
    RETURNING id, slug, version, seller_id
"""


async def settle_products(tx: Transaction, seller: UnsettledSeller, most: int) -> list[Changed]:
    """Of the seller's products that say otherwise, the first `most`; each version goes up by one."""
    return [Changed(*row) for row in await tx.fetch(TURN_PRODUCTS, seller.id, not seller.barred, most)]


SELLER_SETTLED = "UPDATE sellers SET settled = true WHERE id = $1"


async def seller_settled(tx: Transaction, seller_id: str) -> None:
    await tx.execute(SELLER_SETTLED, seller_id)
