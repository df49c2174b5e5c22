"""The SQL of products; of their variants and sellers see `variants_repository.py` and `sellers_repository.py`.

Who changes a product or a variant of it holds the product's row. Rows of several products are written in the order of
their slugs' locks and of their SKUs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec
from msgspec.structs import replace

from stoa.kit.custom_fields.values import fields_of
from stoa.kit.db import Db, Transaction
from stoa.kit.money import Money
from stoa.services.catalog.attributes import Shown
from stoa.services.catalog.errors import SlugTaken
from stoa.services.catalog.images import KeptImage
from stoa.services.catalog.product import (
    CategoryName,
    Product,
    TypeName,
    Variant,
    Withheld,
    in_order,
)
from stoa.services.catalog.seo import kept_seo, seo_of
from stoa.services.catalog.slugs_repository import key_of


class Changed(NamedTuple):
    """A product that was changed with others, as its event tells it."""

    id: str
    slug: str
    version: int
    seller_id: str | None


# OFFSET 0 keeps the values by their index: without statistics PostgreSQL would read all there are, for each product.
_PRODUCT = """
    SELECT product.id, product.slug, product.name, product.description, product.brand, product.tax_class,
        category.id AS category_id, category.slug AS category_slug, category.name AS category_name,
        product.status, product.standing, product.withheld_at, product.withheld_by, product.withheld_reason,
        product.publish_at, product.unpublish_at,
        product.seller_id, product.tags, product.images,
        type.id AS type_id, type.slug AS type_slug, type.name AS type_name, product.specifications,
        shown_specifications(product.product_type_id, product.specifications) AS attributes,
        named_fields(product.custom_fields) AS custom_fields, product.metadata, product.seo,
        product.version, product.created_at, product.updated_at,
        (
            SELECT coalesce(json_agg(json_build_array(
                id, sku, name, price_minor, currency, position, option_values, named_fields(custom_fields), metadata,
                barcode, weight_grams, image
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
    LEFT JOIN product_types AS type ON type.id = product.product_type_id
"""

PRODUCT_BY_ID = _PRODUCT + "WHERE product.id = $1"


async def product_by_id(db: Db, product_id: str) -> Product | None:
    row = await db.fetchrow(PRODUCT_BY_ID, product_id)
    return None if row is None else _product(row)


# Whose slug it is, whose it is in a language, or else whose it was last.
_OF_SLUG = """
    WHERE product.id = coalesce(
        (SELECT id FROM products WHERE slug = $1),
        (SELECT thing_id FROM translations WHERE kind = 'product' AND locale = $2 AND slug = $1),
        (SELECT thing_id FROM old_slugs WHERE kind = 'product' AND slug = $1)
    )
"""

PRODUCT_BY_SLUG = _PRODUCT + _OF_SLUG


async def product_by_slug(db: Db, slug: str, locale: str | None = None) -> Product | None:
    """By the one that it has in a language, and by one that it had before, too: then it has another."""
    row = await db.fetchrow(PRODUCT_BY_SLUG, slug, locale)
    return None if row is None else _product(row)


PRODUCTS_BY_IDS = _PRODUCT + "WHERE product.id = ANY($1::uuid[]) ORDER BY product.id"


async def products_by_ids(db: Db, product_ids: Sequence[str]) -> list[Product]:
    return [_product(row) for row in await db.fetch(PRODUCTS_BY_IDS, list(product_ids))]


PRODUCTS_AFTER = _PRODUCT + "WHERE product.id > $1 ORDER BY product.id LIMIT $2"


async def products_after(db: Db, product_id: str, limit: int) -> list[Product]:
    """Wherever they stand, in the order of their ids."""
    return [_product(row) for row in await db.fetch(PRODUCTS_AFTER, product_id, limit)]


EXPORTED_AFTER = (
    _PRODUCT
    + """
    WHERE product.slug > $1 AND product.status = ANY($2::text[])
        AND ($3::uuid[] IS NULL OR product.seller_id = ANY($3))
    ORDER BY product.slug
    LIMIT $4
"""
)


async def exported_after(
    db: Db, slug: str, statuses: Collection[str], sellers: Collection[str] | None, limit: int
) -> list[Product]:
    """Of these statuses and sellers (None: everybody's, and the shop's), in the order of their slugs."""
    whose = None if sellers is None else list(sellers)
    return [_product(row) for row in await db.fetch(EXPORTED_AFTER, slug, list(statuses), whose, limit)]


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


# In the order of their ids, as all do who lock several.
LOCK_SHOWING = """
    SELECT id FROM products
    WHERE images @> jsonb_build_array(jsonb_build_object('file_id', $1::text))
    ORDER BY id
    FOR UPDATE
"""


async def lock_showing(tx: Transaction, file_id: str) -> list[Product]:
    """Those with an image that is this file."""
    locked = await tx.fetch(LOCK_SHOWING, file_id)
    return await products_by_ids(tx, [row["id"] for row in locked]) if locked else []


# Of categories and collections there are few, and a picture of theirs is an address: of a file of the shop's own it has
# the id.
SHOWS_FILE = """
    SELECT EXISTS (SELECT FROM products WHERE images @> jsonb_build_array(jsonb_build_object('file_id', $1::text)))
        OR EXISTS (SELECT FROM categories WHERE strpos(lower(image ->> 'url'), '/media/' || $1 || '/') > 0)
        OR EXISTS (SELECT FROM collections WHERE strpos(lower(image ->> 'url'), '/media/' || $1 || '/') > 0)
"""


async def shows_file(db: Db, file_id: str) -> bool:
    """Whether a product does, or the page of a category or a collection."""
    return bool(await db.fetchval(SHOWS_FILE, file_id))


FILES_OF_PAGES = """
    SELECT DISTINCT lower(substring(image ->> 'url' FROM '/media/([0-9A-Fa-f-]{36})/')) AS file_id
    FROM (SELECT image FROM categories UNION ALL SELECT image FROM collections) AS page
    WHERE image ->> 'url' ~ '/media/[0-9A-Fa-f-]{36}/'
"""


async def files_of_pages(db: Db) -> list[str]:
    """Those that categories and collections show, by what their addresses say."""
    return [row["file_id"] for row in await db.fetch(FILES_OF_PAGES)]


def _product(row: asyncpg.Record) -> Product:
    return Product(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        description=row["description"],
        brand=row["brand"],
        tax_class=row["tax_class"],
        category=category_name(row),
        # As its seller says it: what his dates make of it is its standing.
        status="active" if row["status"] in {"scheduled", "ended"} else row["status"],
        standing=row["standing"],
        withheld=_withheld(row),
        publish_at=row["publish_at"],
        unpublish_at=row["unpublish_at"],
        seller_id=row["seller_id"],
        tags=row["tags"],
        product_type=None if row["type_id"] is None else TypeName(row["type_id"], row["type_slug"], row["type_name"]),
        **_specified(row),
        images=msgspec.convert(row["images"], list[KeptImage]),
        variants=_variants(row["variants"], row["option_values"]),
        custom_fields=fields_of(row["custom_fields"]),
        metadata=row["metadata"],
        seo=seo_of(row["seo"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _specified(row: asyncpg.Record) -> dict[str, Any]:
    """By name, whether or not a type says what the names mean."""
    if row["attributes"] is None:
        return {"specifications": row["specifications"], "attributes": ()}
    attributes = msgspec.convert(row["attributes"], list[Shown])
    return {"specifications": {one.name: one.value for one in attributes}, "attributes": attributes}


def _variants(rows: Sequence[Any], values: Sequence[Any]) -> list[Variant]:
    """`values` stand as they are shown: by their option."""
    place = {value_id: at for at, (value_id, _, _) in enumerate(values)}
    variants = []
    for variant_id, sku, name, price_minor, currency, position, value_ids, fields, metadata, *article in rows:
        options = dict(values[at][1:] for at in sorted(place[each] for each in value_ids))
        price = Money(price_minor, currency)
        variants.append(Variant(variant_id, sku, name, price, position, options, fields_of(fields), metadata, *article))
    return in_order(variants)


def _withheld(row: asyncpg.Record) -> Withheld | None:
    if row["withheld_at"] is None:
        return None
    return Withheld(row["withheld_at"], row["withheld_by"], row["withheld_reason"])


def category_name(row: asyncpg.Record) -> CategoryName | None:
    if row["category_id"] is None:
        return None
    return CategoryName(row["category_id"], row["category_slug"], row["category_name"])


ADD_PRODUCTS = """
    INSERT INTO products (
        id, slug, name, description, brand, category_id, status, seller_id, tags, product_type_id, specifications,
        images, price_minor, price_max_minor, currency, custom_fields, metadata, seo, seller_barred, publish_at,
        unpublish_at, tax_class
    )
    SELECT id, slug, name, description, brand, category_id,
        status_at(status, publish_at, unpublish_at, clock_timestamp()), seller_id, tags, product_type_id,
        coalesce(kept_specifications(product_type_id, specifications), specifications), images,
        price_minor, price_max_minor, currency, numbered_fields('product', nullif(custom_fields, '{}')), metadata, seo,
        coalesce(seller_id = ANY($2::uuid[]), false), publish_at, unpublish_at, tax_class
    FROM jsonb_to_recordset($1) AS new (
        id uuid, slug text, name text, description text, brand text, category_id uuid, status text, seller_id uuid,
        tags text[], product_type_id uuid, specifications jsonb, images jsonb, price_minor bigint,
        price_max_minor bigint, currency text, custom_fields jsonb, metadata jsonb, seo jsonb, publish_at timestamptz,
        unpublish_at timestamptz, tax_class text
    )
    ORDER BY slug_lock('product', slug), slug
    ON CONFLICT (slug) DO NOTHING
    RETURNING id, version, standing, created_at, updated_at, specifications, metadata,
        shown_specifications(product_type_id, specifications) AS attributes,
        named_fields(custom_fields) AS custom_fields
"""


async def add_products(tx: Transaction, products: Sequence[Product], barred: Iterable[str]) -> list[Product]:
    """Without their variants; those whose slug was free, as they are then. `barred` are sellers."""
    rows = await tx.fetch(ADD_PRODUCTS, [_columns(product) for product in products], list(barred))
    return _as_written(products, rows)


CHANGE_PRODUCTS = """
    UPDATE products SET
        slug = new.slug, name = new.name, description = new.description, brand = new.brand,
        tax_class = new.tax_class,
        category_id = new.category_id,
        status = status_at(new.status, new.publish_at, new.unpublish_at, clock_timestamp()),
        publish_at = new.publish_at, unpublish_at = new.unpublish_at,
        tags = new.tags, product_type_id = new.product_type_id,
        specifications = coalesce(kept_specifications(new.product_type_id, new.specifications), new.specifications),
        images = new.images, price_minor = new.price_minor, price_max_minor = new.price_max_minor,
        currency = new.currency, withheld_at = new.withheld_at, withheld_by = new.withheld_by,
        withheld_reason = new.withheld_reason,
        custom_fields = numbered_fields('product', nullif(new.custom_fields, '{}')), metadata = new.metadata,
        seo = new.seo,
        version = version + 1, updated_at = now()
    FROM jsonb_to_recordset($1) AS new (
        id uuid, slug text, name text, description text, brand text, category_id uuid, status text, tags text[],
        product_type_id uuid, specifications jsonb, images jsonb, price_minor bigint, price_max_minor bigint,
        currency text, withheld_at timestamptz, withheld_by uuid, withheld_reason text, custom_fields jsonb,
        metadata jsonb, seo jsonb, publish_at timestamptz, unpublish_at timestamptz, tax_class text
    )
    WHERE products.id = new.id
    RETURNING products.id, products.version, products.standing, products.updated_at, products.specifications,
        shown_specifications(products.product_type_id, products.specifications) AS attributes,
        products.metadata, named_fields(products.custom_fields) AS custom_fields
"""


async def change_products(tx: Transaction, products: Sequence[Product]) -> list[Product]:
    """Locked ones, without their variants; as they are then, each one version on. Raises `SlugTaken`."""
    try:
        rows = await tx.fetch(CHANGE_PRODUCTS, [_columns(product) for product in products])
    except asyncpg.UniqueViolationError as violation:
        raise SlugTaken(key_of(violation)[-1]) from None
    return _as_written(products, rows)


def _as_written(products: Sequence[Product], rows: Sequence[asyncpg.Record]) -> list[Product]:
    written = {row["id"]: {**row, **_specified(row), "custom_fields": fields_of(row["custom_fields"])} for row in rows}
    return [replace(product, **written[product.id]) for product in products if product.id in written]


def _columns(product: Product) -> dict[str, Any]:
    lowest, highest, withheld = product.price, product.price_max, product.withheld
    return {
        "id": product.id,
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "brand": product.brand,
        "tax_class": product.tax_class,
        "category_id": product.category.id if product.category else None,
        "status": product.status,
        "seller_id": product.seller_id,
        "tags": product.tags,
        "product_type_id": product.product_type.id if product.product_type else None,
        "specifications": product.specifications,
        "images": product.images,
        "price_minor": lowest.amount if lowest else 0,
        "price_max_minor": highest.amount if highest else 0,
        "currency": lowest.currency if lowest else None,
        "custom_fields": product.custom_fields.shown(private=True),
        "metadata": product.metadata,
        "seo": kept_seo(product.seo),
        "publish_at": product.publish_at,
        "unpublish_at": product.unpublish_at,
        "withheld_at": withheld.at if withheld else None,
        "withheld_by": withheld.by if withheld else None,
        "withheld_reason": withheld.reason if withheld else None,
    }


TAKEN_SLUGS = """
    SELECT slug FROM products WHERE slug = ANY($1::text[])
    UNION
    SELECT slug FROM translations WHERE kind = 'product' AND slug = ANY($1::text[])
"""


async def taken_slugs(db: Db, slugs: Iterable[str]) -> set[str]:
    """Those of them that products have, archived ones included, and in any language."""
    return {row["slug"] for row in await db.fetch(TAKEN_SLUGS, list(slugs))}


WHOSE_SLUGS = "SELECT slug, id FROM products WHERE slug = ANY($1::text[])"


async def whose_slugs(db: Db, slugs: Iterable[str]) -> dict[str, str]:
    """The products' ids by slug in the shop's own language, archived ones included."""
    return {row["slug"]: row["id"] for row in await db.fetch(WHOSE_SLUGS, list(slugs))}
