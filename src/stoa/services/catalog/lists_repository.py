"""The SQL of the lists of products: a page of any of them reads a bounded part of the shop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec

from stoa.kit.by_index import plan_for_arguments
from stoa.kit.db import Database, Db
from stoa.kit.money import Money
from stoa.services.catalog.images import Image
from stoa.services.catalog.product import CategoryName, Standing
from stoa.services.catalog.repository import category_name

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

# Of those with one value of a custom field, or with a tag: the list that is kept of them has the order, and only a page
# is read.
_PAGE_OF_LISTED = """
    SELECT id, slug, name, brand, product.standing, category_id, price_minor, price_max_minor, currency,
        images -> 0 AS image
    FROM ({listed} AND {conditions} ORDER BY subject DESC LIMIT $2) AS listed
    JOIN products AS product ON product.id = listed.subject
"""

_LISTED = {
    "field": """
        SELECT subject FROM custom_field_values WHERE field = {field} AND value = {value} AND standing = $1
    """,
    "tag": "SELECT product_id AS subject FROM product_tags WHERE standing = $1 AND tag = {tag}",
}
_SUBJECT = {"field": "subject", "tag": "product_id"}

# A category with all that is inside it, by the slug that it has or had last.
_INSIDE = """
    WITH RECURSIVE inside AS (
        SELECT coalesce(
            (SELECT id FROM categories WHERE slug = {category}),
            (SELECT thing_id FROM old_slugs WHERE kind = 'category' AND slug = {category})
        ) AS id
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


# Of a collection: its rows have what it is sorted by. LIMIT, so that each product is looked up: PostgreSQL takes a page
# for a tenth of what there is.
_PAGE_OF_COLLECTION = """
    SELECT product.id, slug, product.name, brand, product.standing, category_id, product.price_minor, price_max_minor,
        currency, images -> 0 AS image, listed.position
    FROM (
        SELECT product_id, position FROM collection_products AS product
        WHERE collection_id = {collection} AND {conditions}
        ORDER BY {order}
        LIMIT $2
    ) AS listed
    CROSS JOIN LATERAL (SELECT * FROM products WHERE id = listed.product_id LIMIT 1) AS product
"""

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


# For each order of a collection the same, and how its page is sorted in the end.
_ORDERS_OF_COLLECTION = {
    "position": ("position, product_id", "(position, product_id) > ({place}, {id})", "product.position, product.id"),
    "newest": (
        "standing DESC, product_id DESC",
        "(standing, product_id) < ($1, {id})",
        "product.id DESC",
    ),
    "price": (
        "price_minor, product_id",
        "(price_minor, product_id) > ({place}, {id})",
        "product.price_minor, product.id",
    ),
    "-price": (
        "price_minor DESC, product_id DESC",
        "(price_minor, product_id) < ({place}, {id})",
        "product.price_minor DESC, product.id DESC",
    ),
    "name": ("name, product_id", "(name, product_id) > (lower({place}::text), {id})", f"{_NAME}, product.id"),
}


# Of the product that has a SKU, wherever it stands: to whom all are shown, or those of these sellers, and else what is
# sold.
_OF_SKU = """
    SELECT id, slug, name, brand, standing, category_id, price_minor, price_max_minor, currency, images -> 0 AS image
    FROM products AS product
    WHERE id = (SELECT product_id FROM variants WHERE sku = $1 AND archived_at IS NULL)
        AND (standing = 'active' OR $2::uuid[] IS NULL OR seller_id = ANY($2))
"""

CARDS_OF_SKU = _CARDS.replace("{page}", _OF_SKU).replace("{order}", "product.id")


def collection_statement(sort: str, given: Sequence[str]) -> str:
    """Takes the standing, the limit, and what is `given`: the `collection` first, prices between which, and of the page
    before the last product's `id` and `place`."""
    order, after, order_of_all = _ORDERS_OF_COLLECTION[sort]
    number = {name: f"${at}" for at, name in enumerate(given, start=3)}
    # With `standing = $1` PostgreSQL knows the newest by the primary key too, past all that stand elsewhere.
    standing = "standing BETWEEN $1 AND $1" if sort == "newest" else "standing = $1"
    conditions = [standing, *(_CONDITIONS[name] for name in given if name in _CONDITIONS)]
    if "id" in given:
        conditions.append(after)
    page = _PAGE_OF_COLLECTION.replace("{conditions}", " AND ".join(conditions)).replace("{order}", order)
    statement = _CARDS.replace("product.image,", "product.image, product.position,").replace("{page}", page)
    return statement.replace("{order}", order_of_all).format_map(number)


def list_statement(sort: str, given: Sequence[str]) -> str:
    """Takes the standing, the limit, and what is `given`, in this order: filters, and of the page before the last
    product's `id` and `place`. A custom `field` with its `value`, or a `tag`, goes with the newest first, and no other
    filter."""
    order, after = _ORDERS[sort]
    number = {name: f"${at}" for at, name in enumerate(given, start=3)}
    for listed in _LISTED.keys() & set(given):
        before = f"{_SUBJECT[listed]} < {{id}}" if "id" in given else "true"
        page = _PAGE_OF_LISTED.replace("{listed}", _LISTED[listed]).replace("{conditions}", before)
        return _CARDS.replace("{page}", page).replace("{order}", order).format_map(number)
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
    position: int = 0
    """In its collection."""


async def cards(
    db: Database, sort: str, standing: str, *, limit: int, filters: Mapping[str, Any], after: Sequence[Any] | None
) -> list[Card]:
    """A page of the list in this order, of those that fit all `filters`.

    `after` is the position before the page: the id, and the price or name where it sorts by that.
    """
    given = dict(filters) | dict(zip(("id", "place"), after or (), strict=False))
    statement = collection_statement if "collection" in given else list_statement
    sql, arguments = statement(sort, tuple(given)), (standing, limit, *given.values())
    if depends_on_arguments(given):
        async with db.transaction() as tx:
            await plan_for_arguments(tx)
            rows = await tx.fetch(sql, *arguments)
    else:
        rows = await db.fetch(sql, *arguments)
    return [_card(row)._replace(position=row.get("position", 0)) for row in rows]


async def cards_of_sku(db: Db, sku: str, sellers: Collection[str] | None) -> list[Card]:
    """One at most. What does not stand active is shown of those `sellers` alone; None: of everybody."""
    return [_card(row) for row in await db.fetch(CARDS_OF_SKU, sku, None if sellers is None else list(sellers))]


def _card(row: asyncpg.Record) -> Card:
    currency = row["currency"]
    return Card(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        brand=row["brand"],
        standing=row["standing"],
        category=category_name(row),
        price=None if currency is None else Money(row["price_minor"], currency),
        price_max=None if currency is None else Money(row["price_max_minor"], currency),
        image=_seen(row["image"]),
        skus=row["skus"],
    )


def _seen(first: dict[str, Any] | None) -> Image | None:
    """The first image, unless its pictures are still made."""
    image = msgspec.convert(first, Image | None)
    return image if image is not None and image.url is not None else None


# From each tag to the next by the index, whatever many products have it.
TAGS_AFTER = """
    WITH RECURSIVE tags AS (
        (SELECT tag, 1 AS place FROM product_tags WHERE standing = 'active' AND tag > $1 ORDER BY tag LIMIT 1)
        UNION ALL
        SELECT (
            SELECT next.tag FROM product_tags AS next
            WHERE next.standing = 'active' AND next.tag > tags.tag
            ORDER BY next.tag LIMIT 1
        ), place + 1
        FROM tags WHERE tag IS NOT NULL AND place < $2
    )
    SELECT tag FROM tags WHERE tag IS NOT NULL ORDER BY tag
"""


async def tags_after(db: Db, tag: str, limit: int) -> list[str]:
    """Of what stands active."""
    return [row["tag"] for row in await db.fetch(TAGS_AFTER, tag, limit)]
