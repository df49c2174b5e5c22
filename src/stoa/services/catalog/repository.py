"""The SQL of products, their variants and their sellers.

Who changes a product or a variant of it holds the product's row. Rows of several products are written in the order of
their slugs' locks and of their SKUs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec
from msgspec.structs import replace

from stoa.kit.custom_fields.values import fields_of
from stoa.kit.db import Db, Transaction
from stoa.kit.money import Money
from stoa.services.catalog import pricing
from stoa.services.catalog.attributes import Shown
from stoa.services.catalog.errors import SkuTaken, SlugTaken
from stoa.services.catalog.images import KeptImage
from stoa.services.catalog.pricing import Context, ListedPrice, Priced, price_in
from stoa.services.catalog.product import (
    CategoryName,
    Option,
    Product,
    TypeName,
    Variant,
    Withheld,
    in_order,
    is_id,
)
from stoa.services.catalog.seo import kept_seo, seo_of
from stoa.services.catalog.slugs_repository import key_of


class Changed(NamedTuple):
    """A product that was changed with others, as its event tells it."""

    id: str
    slug: str
    version: int
    seller_id: str | None


class ForSale(NamedTuple):
    """A variant that can be bought, with what a cart shows of its product, and what lists say of its price."""

    id: str
    sku: str
    product_id: str
    product_name: str
    product_slug: str
    name: str
    barcode: str
    weight: int | None
    own_price: Money
    listed: Sequence[ListedPrice]

    def price_in(self, context: Context, quantity: int) -> Priced | None:
        return price_in(context, quantity, self.own_price, self.listed)


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


SHOWS_FILE = """
    SELECT EXISTS (SELECT FROM products WHERE images @> jsonb_build_array(jsonb_build_object('file_id', $1::text)))
"""


async def shows_file(db: Db, file_id: str) -> bool:
    return bool(await db.fetchval(SHOWS_FILE, file_id))


def _product(row: asyncpg.Record) -> Product:
    return Product(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        description=row["description"],
        brand=row["brand"],
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
        unpublish_at
    )
    SELECT id, slug, name, description, brand, category_id,
        status_at(status, publish_at, unpublish_at, clock_timestamp()), seller_id, tags, product_type_id,
        coalesce(kept_specifications(product_type_id, specifications), specifications), images,
        price_minor, price_max_minor, currency, numbered_fields('product', nullif(custom_fields, '{}')), metadata, seo,
        coalesce(seller_id = ANY($2::uuid[]), false), publish_at, unpublish_at
    FROM jsonb_to_recordset($1) AS new (
        id uuid, slug text, name text, description text, brand text, category_id uuid, status text, seller_id uuid,
        tags text[], product_type_id uuid, specifications jsonb, images jsonb, price_minor bigint,
        price_max_minor bigint, currency text, custom_fields jsonb, metadata jsonb, seo jsonb, publish_at timestamptz,
        unpublish_at timestamptz
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
        metadata jsonb, seo jsonb, publish_at timestamptz, unpublish_at timestamptz
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


# -------------------------------------------------------------------------------------------------- variants


# A SKU of the same product comes back from the archive; another product's is left as it is and missing from the answer.
WRITE_VARIANTS = """
    INSERT INTO variants (
        id, sku, product_id, name, price_minor, currency, position, option_values, custom_fields, metadata, barcode,
        weight_grams, image
    )
    SELECT id, sku, product_id, name, price_minor, currency, position, option_values,
        numbered_fields('variant', nullif(custom_fields, '{}')), metadata, barcode, weight_grams, image
    FROM jsonb_to_recordset($1) AS new (
        id uuid, sku text, product_id uuid, name text, price_minor bigint, currency text, position integer,
        option_values uuid[], custom_fields jsonb, metadata jsonb, barcode text, weight_grams integer, image text
    )
    ORDER BY sku
    ON CONFLICT (sku) DO UPDATE SET
        name = EXCLUDED.name, price_minor = EXCLUDED.price_minor, currency = EXCLUDED.currency,
        position = EXCLUDED.position, option_values = EXCLUDED.option_values, archived_at = NULL,
        custom_fields = EXCLUDED.custom_fields, metadata = EXCLUDED.metadata, barcode = EXCLUDED.barcode,
        weight_grams = EXCLUDED.weight_grams, image = EXCLUDED.image
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
            "barcode": variant.barcode,
            "weight_grams": variant.weight,
            "image": variant.image,
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


# Two products that claim each other's SKUs wait for each other here, and not in a circle later. Not FOR UPDATE: who
# puts a variant into a price list holds its key, and then waits for its product.
LOCK_VARIANTS = "SELECT FROM variants WHERE sku = ANY($1::text[]) ORDER BY sku FOR NO KEY UPDATE"


async def lock_variants(tx: Transaction, skus: Iterable[str]) -> None:
    """Those that exist, whosever they are."""
    await tx.execute(LOCK_VARIANTS, list(skus))


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


# LIMIT here and below, so that each product is looked up: what all have in common is no way to find a few. Where no
# list holds it is not looked for what lists say of each variant, which would be a third of the work.
VARIANTS_FOR_SALE = f"""
    SELECT variant.id, variant.sku, variant.product_id, product.name AS product_name, product.slug AS product_slug,
        variant.name, variant.barcode, variant.weight_grams, variant.price_minor, variant.currency,
        CASE WHEN EXISTS (
            SELECT FROM price_lists
            WHERE status = 'active' AND coalesce(ends_at, 'infinity') > to_timestamp($3::bigint / 1000.0)
        ) THEN (
            SELECT json_agg({pricing.LISTED_PRICE})
            FROM prices AS price JOIN price_lists AS list ON list.id = price.list_id
            WHERE price.variant_id = variant.id AND list.status = 'active'
                AND (list.customer_group IS NULL OR list.customer_group = ANY($2::text[]))
                AND coalesce(list.starts_at <= to_timestamp($4::bigint / 1000.0), true)
                AND coalesce(list.ends_at, 'infinity') > to_timestamp($3::bigint / 1000.0)
        ) END AS listed
    FROM variants AS variant
    CROSS JOIN LATERAL (SELECT * FROM products WHERE id = variant.product_id LIMIT 1) AS product
    WHERE variant.sku = ANY($1::text[]) AND variant.archived_at IS NULL AND product.standing = 'active'
        AND (SELECT barred FROM sellers WHERE id = product.seller_id) IS NOT TRUE
"""  # noqa: S608 - a constant of ours


async def variants_for_sale(db: Db, skus: Iterable[str], *contexts: Context) -> dict[str, ForSale]:
    """By SKU, with the prices of all lists that may hold in one of the contexts."""
    groups = sorted(frozenset().union(*(context.groups for context in contexts)))
    moments = [context.at_ms for context in contexts]
    rows = await db.fetch(VARIANTS_FOR_SALE, list(skus), groups, min(moments), max(moments))
    return {row[1]: _for_sale(row) for row in rows}


def _for_sale(row: asyncpg.Record) -> ForSale:
    variant_id, sku, product_id, product_name, product_slug, name, barcode, weight, minor, currency, listed = row
    prices = [ListedPrice(*each) for each in listed] if listed else ()
    own_price = Money(minor, currency)
    return ForSale(variant_id, sku, product_id, product_name, product_slug, name, barcode, weight, own_price, prices)


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
