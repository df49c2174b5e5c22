"""Every list of a large shop reads a bounded part of it, whatever its filters and its order, at any depth."""

from __future__ import annotations

import pytest
from volume import fill, read_by

from stoa.kit.db import Database
from stoa.services.catalog.brands_repository import BRAND_BY_SLUG, BRANDS_AFTER, NAME_SETTLED, RENAME_PRODUCTS
from stoa.services.catalog.lists_repository import CARDS_OF_SKU, TAGS_AFTER, depends_on_arguments, list_statement
from stoa.services.catalog.repository import LOCK_PRODUCTS, PRODUCTS_AFTER
from stoa.services.catalog.sellers_repository import LOCK_UNSETTLED_SELLER, TURN_PRODUCTS
from stoa.services.catalog.settle_sellers import ONE_ROUND

from .conftest import every_list

PRODUCTS = 300_000
MOST_ROWS = 8_000
"""Read for one page. A brand has 600 products here, a seller 1,500, and a category with all in it 30,000."""

# Ten categories of twenty-nine each; of five products one is a seller's, and another one large seller's. Ids in the
# order of their making, as ours are.
CATEGORIES = """
    INSERT INTO categories (id, parent_id, slug, name)
    SELECT md5('top' || at)::uuid, NULL, 'top-' || at, 'Top' FROM generate_series(0, 9) AS at;
    INSERT INTO categories (id, parent_id, slug, name)
    SELECT md5('leaf' || at)::uuid, md5('top' || at % 10)::uuid, 'leaf-' || at, 'Leaf'
    FROM generate_series(0, 289) AS at;
    ANALYZE categories
"""
COLUMNS = "id, slug, name, brand, category_id, status, seller_id, price_minor, price_max_minor, currency"
VALUES = """
    lpad(to_hex(n), 32, '0')::uuid, 'product-' || n, 'Product ' || md5(n::text), 'Brand ' || n % 499,
    md5('leaf' || n % 290)::uuid, CASE WHEN n % 10 = 0 THEN 'draft' ELSE 'active' END,
    CASE n % 5 WHEN 0 THEN md5('seller' || n % 200)::uuid WHEN 1 THEN md5('large seller')::uuid END,
    n * 7919::bigint % 1000003, 1000003, 'GBP'
"""

OF_ONE_BRAND = """
    lpad(to_hex(n), 32, '0')::uuid, 'product-' || n, 'Product ' || n, 'Ours', 'active', n, n, 'GBP'
"""


@pytest.fixture(scope="module")
async def large(templates):
    """The database of a large shop, filled once: nothing here changes it."""
    db = Database("catalog", await templates.copy("catalog"), size=2)
    await db.execute(CATEGORIES)
    await fill(db, "products", COLUMNS, VALUES, PRODUCTS)
    yield db
    await db.close()
    await templates.drop(db.dsn)


async def test_every_list_reads_a_bounded_part(large):
    seller = await large.fetchval("SELECT md5('seller' || 5)::uuid")
    middle = await large.fetchrow("SELECT id, name FROM products WHERE slug = $1", f"product-{PRODUCTS // 2}")
    too_many = {}
    for sort, given in every_list():
        for narrow in (False, True) if {"min_price", "max_price"} & set(given) else (False,):
            values = {
                "seller_id": seller,
                "category": "top-3",
                "brand": "Brand 7",
                "min_price": 500_000 if narrow else 1_000,
                "max_price": 500_500 if narrow else 900_000,
                "id": middle["id"],
                "place": middle["name"] if sort == "name" else 500_100,
            }
            sql, arguments = list_statement(sort, given), [values[name] for name in given]
            read = await read_by(large, sql, "active", 21, *arguments, for_arguments=depends_on_arguments(given))
            if read.rows > MOST_ROWS:
                too_many[sort, given, narrow] = read.rows
    assert too_many == {}


async def test_where_all_is_of_one_brand_another_is_not_looked_for_in_all_of_it(database):
    db = await database("catalog")
    await fill(db, "products", "id, slug, name, brand, status, price_minor, price_max_minor, currency", OF_ONE_BRAND)
    for sort, given in every_list():
        if "brand" in given and not {"id", "category", "seller_id"} & set(given):
            values = {"brand": "Nobody", "min_price": 1, "max_price": 900_000}
            arguments = [values[name] for name in given]
            sql, as_asked = list_statement(sort, given), depends_on_arguments(given)
            assert (await read_by(db, sql, "active", 21, *arguments, for_arguments=as_asked)).rows == 0, (sort, given)


async def test_a_page_of_a_custom_value_reads_its_products(large):
    """Of a value that a third of them have, of one that nobody has, and from the middle, whoever plans it."""
    values = "7, 'value ' || n % 3, 'active', lpad(to_hex(n), 32, '0')::uuid"
    await fill(large, "custom_field_values", "field, value, standing, subject", values, PRODUCTS)
    middle = await large.fetchval("SELECT id FROM products WHERE slug = $1", f"product-{PRODUCTS // 2}")
    for value, after in (("value 1", ()), ("value 1", (middle,)), ("value 9", ())):
        given = ("field", "value", "id")[: 2 + len(after)]
        read = await read_by(large, list_statement("newest", given), "active", 21, 7, value, *after)
        assert read.rows <= 200, (value, after)


async def test_a_sku_is_looked_up(large):
    values = "md5(n::text)::uuid, 'SKU-' || n, lpad(to_hex(n), 32, '0')::uuid, 'V', 1, 'GBP', 0"
    await fill(large, "variants", "id, sku, product_id, name, price_minor, currency, position", values, 20_000)
    for sellers in (None, []):
        assert (await read_by(large, CARDS_OF_SKU, "SKU-7777", sellers)).rows <= 10


async def test_a_page_for_an_index_reads_its_products(large):
    middle = await large.fetchval("SELECT id FROM products WHERE slug = $1", f"product-{PRODUCTS // 2}")
    for at in ("00000000-0000-0000-0000-000000000000", middle):
        assert (await read_by(large, PRODUCTS_AFTER, at, 101)).rows <= 1_000


async def test_a_batch_reads_what_it_names(large):
    ids = [row["id"] for row in await large.fetch("SELECT id FROM products WHERE slug LIKE 'product-7777%' LIMIT 100")]
    slugs = [f"product-{at}" for at in range(100_000, 100_100)]
    assert (await read_by(large, LOCK_PRODUCTS, ids, slugs)).rows <= 1_000


async def test_a_seller_of_very_many_products_is_barred_in_rounds_that_read_what_they_change(large):
    seller = await large.fetchval("SELECT md5('large seller')::uuid")
    read = await read_by(large, TURN_PRODUCTS, seller, False, ONE_ROUND)
    assert read.rows == 2 * ONE_ROUND  # found, and changed
    assert (await read_by(large, TURN_PRODUCTS, seller, True, ONE_ROUND)).rows == 0


async def test_who_is_to_be_settled_is_found_among_many(large):
    await fill(large, "sellers", "id, barred, version, settled", "md5(n::text)::uuid, false, 1, n % 1000 <> 0", 20_000)
    assert (await read_by(large, LOCK_UNSETTLED_SELLER)).rows <= 2


async def test_a_page_of_a_tag_reads_its_products_and_tags_are_found_one_by_one(large):
    """Of a tag that a third of them have, of one that nobody has, and from the middle, whoever plans it."""
    values = "'active', 'tag ' || n % 3, lpad(to_hex(n), 32, '0')::uuid"
    await fill(large, "product_tags", "standing, tag, product_id", values, PRODUCTS)
    middle = await large.fetchval("SELECT id FROM products WHERE slug = $1", f"product-{PRODUCTS // 2}")
    for tag, after in (("tag 1", ()), ("tag 1", (middle,)), ("tag 9", ())):
        given = ("tag", "id")[: 1 + len(after)]
        read = await read_by(large, list_statement("newest", given), "active", 21, tag, *after)
        assert read.rows <= 200, (tag, after)
    assert (await read_by(large, TAGS_AFTER, "", 21)).rows <= 20


async def test_a_brand_of_very_many_products_is_renamed_in_rounds_that_read_what_they_change(large):
    read = await read_by(large, RENAME_PRODUCTS, "Brand 7", "Brand 7 Ltd", ONE_ROUND)
    assert read.rows <= 4 * ONE_ROUND
    assert (await read_by(large, NAME_SETTLED, "Nobody")).rows <= 1


async def test_whether_something_of_a_brand_is_sold_is_one_look(database):
    """Of whom all is sold that there is, and of those beside him who have nothing but drafts."""
    db = await database("catalog")
    await fill(db, "products", "id, slug, name, brand, status, price_minor, price_max_minor, currency", OF_ONE_BRAND)
    await fill(db, "brands", "id, slug, name", "md5(n::text)::uuid, 'brand-' || n, 'Brand ' || n", 100)
    await fill(db, "brand_names", "name, brand_id", "'Brand ' || n, md5(n::text)::uuid", 100)
    names = ["Ours", *(f"Ours {at}" for at in range(200))]
    ours = "md5('7')::uuid"
    await db.execute(
        f"INSERT INTO brand_names (name, brand_id) SELECT name, {ours} FROM unnest($1::text[]) AS name", names
    )
    assert [row["slug"] for row in await db.fetch(BRANDS_AFTER, "", 21, False)] == ["brand-7"]
    assert (await read_by(db, BRANDS_AFTER, "", 21, False)).rows <= 800
    assert (await read_by(db, BRAND_BY_SLUG, "brand-7", False)).rows <= 500
    assert (await read_by(db, BRAND_BY_SLUG, "brand-8", False)).rows <= 3
