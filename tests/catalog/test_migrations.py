"""What an older catalog left is there after its migrations."""

from __future__ import annotations

import importlib.resources

import asyncpg
import pytest

FOLDER = importlib.resources.files("stoa.services.catalog") / "migrations"
PRODUCT = "018f0000-0000-7000-8000-0000abcdef01"


@pytest.fixture
async def older(postgres):
    """Applies migrations to a database of nothing else: `await older("0001", "0002")`."""
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute("CREATE DATABASE older_catalog")
    connection = await asyncpg.connect(postgres.dsn("older_catalog"))

    async def apply(*numbers):
        for file in sorted(FOLDER.iterdir(), key=lambda file: file.name):
            if file.name[:4] in numbers:
                await connection.execute(file.read_text())
        return connection

    yield apply
    await connection.close()
    await admin.execute("DROP DATABASE older_catalog")
    await admin.close()


async def test_options_become_rows_and_variants_get_ids(older):
    db = await older("0001", "0002", "0003", "0004", "0005")
    await db.execute(
        "INSERT INTO products (id, slug, name, status) VALUES ($1, 'shirt', 'Shirt', 'draft')",
        PRODUCT,
    )
    rows = [
        ("RED-L", "", 0, '{"color": "red", "size": "L"}', None),
        ("RED-M", "", 1, '{"color": "red", "size": "M"}', None),
        ("RED-M2", "", 2, '{"color": "red", "size": "M"}', None),
        ("RED-M3", "Third", 3, '{"color": "red", "size": "M"}', None),
        ("OLD-L", "", 4, '{"color": "red", "size": "L"}', "2026-01-01"),
        ("PLAIN", "Plain", 5, "{}", None),
    ]
    for sku, name, position, options, archived in rows:
        await db.execute(
            "INSERT INTO variants (sku, product_id, name, price_minor, currency, position, options, archived_at)"
            " VALUES ($1, $2, $3, 100, 'GBP', $4, $5, $6::text::timestamptz)",
            sku,
            PRODUCT,
            name,
            position,
            options,
            archived,
        )
    await older("0006")
    options = """
        SELECT string_agg(option.name || ' ' || value.value, ', ' ORDER BY option.position)
        FROM unnest(option_values) AS id JOIN option_values AS value USING (id)
        JOIN product_options AS option ON option.id = value.option_id
    """
    migrated = await db.fetch(f"SELECT sku, name, ({options}) AS options FROM variants ORDER BY position")
    assert [tuple(row) for row in migrated] == [
        ("RED-L", "", "color red, size L"),
        ("RED-M", "", "color red, size M"),
        ("RED-M2", "color: red, size: M", None),
        ("RED-M3", "Third", None),
        ("OLD-L", "", "color red, size L"),
        ("PLAIN", "Plain", None),
    ]
    assert await db.fetchval("SELECT count(DISTINCT id) FROM variants") == len(rows)
    assert await db.fetchval("SELECT count(*) FROM option_values") == 3


async def test_brands_are_made_of_the_names_that_products_have_and_tags_are_listed(older):
    db = await older("0001", "0003")
    names = ["Hearth & Field", "Hearth, Field", "Ünder", "鍋", "", "Ünder"]
    for at, name in enumerate(names):
        await db.execute(
            "INSERT INTO products (id, slug, name, status, brand, tags)"
            " VALUES (gen_random_uuid(), $1, 'P', 'draft', $2, $3)",
            f"p-{at}",
            name,
            ["gift", "gift"] if at else [],
        )
    await older("0018", "0019")
    found = {row["name"]: row["slug"] for row in await db.fetch("SELECT name, slug FROM brands")}
    assert set(found) == set(names) - {""}
    assert (found["Hearth & Field"], found["Ünder"]) == ("hearth-field", "under")
    assert found["Hearth, Field"].startswith("hearth-field-") and len(found["鍋"]) == 8
    settled = await db.fetch(
        "SELECT brands.name FROM brands JOIN brand_names USING (name) WHERE brand_id = id AND settled"
    )
    assert {row["name"] for row in settled} == set(found)
    tagged = await db.fetch("SELECT standing, tag, product_id FROM product_tags")
    assert [(row["standing"], row["tag"]) for row in tagged] == [("draft", "gift")] * 5


async def test_products_of_a_collection_that_has_a_slug_in_a_language_are_told_of_it(older):
    db = await older("0001", "0003", "0016", "0020")
    slugs = {"gifts": "geschenke", "sale": None, "hidden": "versteckt"}
    for at, (slug, translated) in enumerate(slugs.items()):
        collection = f"018f0000-0000-7000-8000-00000000000{at}"
        await db.execute(
            "INSERT INTO collections (id, slug, name, description, sort, published, looks_at)"
            " VALUES ($1::text::uuid, $2, 'C', '', 'position', $3, '{}')",
            collection,
            slug,
            slug != "hidden",
        )
        await db.execute(
            "INSERT INTO translations (kind, thing_id, locale, slug, name)"
            " VALUES ('collection', $1::text::uuid, 'de', $2, 'C')",
            collection,
            translated,
        )
    await older("0029")
    rows = await db.fetch("SELECT slug FROM collections WHERE retell AND settling = 'due'")
    assert [row["slug"] for row in rows] == ["gifts"]
