"""The SQL of variants: what they are, what is for sale, and whose each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import asyncpg
from msgspec.structs import replace

from stoa.kit.custom_fields.values import fields_of
from stoa.kit.db import Db, Transaction
from stoa.kit.money import Money
from stoa.services.catalog import pricing
from stoa.services.catalog.errors import SkuTaken
from stoa.services.catalog.pricing import Context, ListedPrice, Priced, Tier, price_in, tiers_in
from stoa.services.catalog.product import (
    Option,
    Variant,
    called,
    is_id,
)


class ForSale(NamedTuple):
    """A variant that can be bought, with what a cart shows of its product, and what lists say of its price. `name` is
    what it is `called`."""

    id: str
    sku: str
    product_id: str
    product_name: str
    product_slug: str
    name: str
    barcode: str
    weight: int | None
    tax_class: str
    own_price: Money
    listed: Sequence[ListedPrice]

    def price_in(self, context: Context, quantity: int) -> Priced | None:
        return price_in(context, quantity, self.own_price, self.listed)

    def tiers_in(self, context: Context) -> list[Tier]:
        return tiers_in(context, self.own_price, self.listed)


Value = tuple[str, str, str]
"""What a variant has for an option: the product's id, the option's name and the text."""


class Owner(NamedTuple):
    """Who sells a SKU (None: the shop itself), as of a version of its product."""

    sku: str
    seller_id: str | None
    product_version: int
    product_id: str


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
        variant.name,
        CASE WHEN variant.name = '' THEN ARRAY(
            SELECT value.value
            FROM unnest(variant.option_values) AS had (id)
            CROSS JOIN LATERAL (SELECT * FROM option_values WHERE id = had.id LIMIT 1) AS value
            CROSS JOIN LATERAL (SELECT * FROM product_options WHERE id = value.option_id LIMIT 1) AS option
            ORDER BY option.position, option.name
        ) END AS told_by,
        variant.barcode, variant.weight_grams, product.tax_class, variant.price_minor, variant.currency,
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
    return ForSale(
        id=row["id"],
        sku=row["sku"],
        product_id=row["product_id"],
        product_name=row["product_name"],
        product_slug=row["product_slug"],
        name=called(row["name"], row["told_by"] or ()),
        barcode=row["barcode"],
        weight=row["weight_grams"],
        tax_class=row["tax_class"],
        own_price=Money(row["price_minor"], row["currency"]),
        listed=[ListedPrice(*each) for each in row["listed"] or ()],
    )


class Groups(NamedTuple):
    """What a product is part of, by ids: its category and all above it, collections, its brand."""

    categories: Sequence[str] = ()
    collections: Sequence[str] = ()
    brand: str | None = None


NO_GROUPS = Groups()

GROUPS_OF = """
    SELECT product.id,
        ARRAY(
            WITH RECURSIVE around AS (
                SELECT product.category_id AS id
                UNION
                SELECT (SELECT parent_id FROM categories WHERE categories.id = around.id LIMIT 1)
                FROM around WHERE around.id IS NOT NULL
            )
            SELECT id FROM around WHERE id IS NOT NULL
        ) AS categories,
        ARRAY(
            SELECT collection.id
            FROM collection_products AS member
            CROSS JOIN LATERAL (SELECT * FROM collections WHERE id = member.collection_id LIMIT 1) AS collection
            WHERE member.product_id = product.id AND NOT collection.removed
            ORDER BY collection.id
        ) AS collections,
        (SELECT brand_id FROM brand_names WHERE name = product.brand) AS brand
    FROM products AS product WHERE product.id = ANY($1::uuid[])
"""


async def groups_of(db: Db, product_ids: Iterable[str]) -> dict[str, Groups]:
    """By product id."""
    rows = await db.fetch(GROUPS_OF, sorted(product_ids))
    return {row["id"]: Groups(row["categories"], row["collections"], row["brand"]) for row in rows}


OWNERS_OF = """
    SELECT variant.sku, product.seller_id, product.version, product.id
    FROM variants AS variant
    CROSS JOIN LATERAL (SELECT * FROM products WHERE id = variant.product_id LIMIT 1) AS product
    WHERE variant.sku = ANY($1::text[])
"""


async def owners_of(db: Db, skus: Sequence[str]) -> list[Owner]:
    """Of those that exist, archived or not."""
    return [Owner(*row) for row in await db.fetch(OWNERS_OF, list(skus))]
