"""A shop with very many goods that can be found: what one product leaves in every table, with other words in it.

A product of words that stand nowhere else is added and counted through the API, in a brand and a category that were
there before. The rows that it left are then written once for each good, with the good's own words, ids and price where
the product's were; search's documents are made by search's own code. So what is in the shop is whole, whatever tables
and columns there are by now, and `stoa audit` finds it sound. What is forgotten after some days is left out: events and
who has heard of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import asyncpg
import msgspec
from msgspec.structs import replace

from bench import assortment, copies
from bench.assortment import Good
from bench.copies import Row, Rows
from bench.shop import Shop
from stoa.kit.money import Money
from stoa.ports.search import Category, Document, Variant
from stoa.runtime.data_dir import DataDir
from stoa.services.search import document
from stoa.services.search.document import Card, InCategory

SKU, SLUG, COLOR, PRICE = "THETEMPLATE", "the-template", "colorofthetemplate", 76_543_210
NAME, DESCRIPTION = "Nameofthetemplate", "Descriptionofthetemplate"
ON_HAND = 1_000_000
AT_ONCE = 8
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")

FORGOTTEN = frozenset(("public.event_log", "public.inbox"))
DOCUMENTS = "public.documents"
COLUMNS = ("n", "name", "description", "brand", "brand_id", "category_id", "color", "price", "document")
MADE = """
    CREATE UNLOGGED TABLE made (
        n bigint, name text, description text, brand text, brand_id text, category_id text, color text, price text,
        document bytea
    )
"""
NUMBERED = "INSERT INTO made (n) SELECT generate_series(1, $1::bigint)"
REVISED = "UPDATE feed SET revision = revision + $1 RETURNING revision - $1"


@dataclass(frozen=True)
class Template:
    """What a product left, by database; in it are `words` for which others may stand, by the expression for these, and
    `ids` of its own, numbered."""

    rows: Rows
    words: Mapping[str, str]
    ids: Mapping[str, int]
    brands: Sequence[Mapping[str, Any]]
    categories: Sequence[InCategory]


async def template(shop: Shop) -> Template:
    """Brands and categories for all goods, and the product."""
    # Signed in once, before several want to.
    await shop.as_admin("GET", "/products?limit=1")
    brands = await _add(shop, "brand", assortment.BRANDS)
    categories = await _add(shop, "category", assortment.CATEGORIES)
    await shop.settle()
    before = await copies.everything(shop)
    variant = {"sku": SKU, "price": {"amount": PRICE, "currency": "GBP"}, "options": {"Color": COLOR}}
    product = {
        "slug": SLUG,
        "name": NAME,
        "brand": brands[0]["name"],
        "category": categories[0]["slug"],
        "description": DESCRIPTION,
        "status": "active",
        "variants": [variant],
    }
    await shop.as_admin("POST", "/products", product)
    await shop.as_admin("PUT", f"/inventory/{SKU}", {"on_hand": ON_HAND})
    while (await shop.send("GET", f"/search?q={SKU}&in_stock=true"))["total"] == 0:  # noqa: ASYNC110 - it is asked for
        await asyncio.sleep(0.1)
    await shop.settle()
    rows = {
        database: [row for row in of if row.table not in FORGOTTEN]
        for database, of in copies.new(before, await copies.everything(shop)).items()
    }
    own = _ids(row for of in rows.values() for row in of) - _ids(row for of in before.values() for row in of.values())
    assert len(own) <= copies.IDS_EACH, f"a product has {len(own)} ids of its own"
    words = {
        SKU: "'FIND-' || lpad(n::text, 7, '0')",
        SLUG: "'find-' || lpad(n::text, 7, '0')",
        NAME: "name",
        DESCRIPTION: "description",
        COLOR: "color",
        str(PRICE): "price",
        brands[0]["name"]: "brand",
        brands[0]["id"]: "brand_id",
        categories[0]["id"]: "category_id",
    }
    return Template(
        rows,
        words,
        {each: number for number, each in enumerate(sorted(own))},
        brands,
        [InCategory(each["id"], each["slug"], each["name"]) for each in categories],
    )


async def fill(place: DataDir, made_of: Template, count: int, tell: Callable[[str], None]) -> None:
    """Write so many goods into the databases of a shop that does not run. `tell` hears of each that is full."""
    async with copies.serving(place) as server:
        for database, rows in made_of.rows.items():
            if rows:
                connection = await asyncpg.connect(server.dsn(database))
                try:
                    await _fill(connection, database, made_of, count)
                finally:
                    await connection.close()
                tell(f"{count:,} goods are in {database}")


async def _fill(connection: asyncpg.Connection, database: str, made_of: Template, count: int) -> None:
    await connection.execute(MADE)
    revision = 0
    if database == "stoa_catalog":
        await connection.copy_records_to_table("made", records=_texts(made_of, count), columns=COLUMNS)
    elif database == "stoa_search":
        await connection.copy_records_to_table("made", records=_documents(made_of, count), columns=COLUMNS)
        revision = await connection.fetchval(REVISED, count)
    else:
        await connection.execute(NUMBERED, count)
    for table, rows in groupby(made_of.rows[database], key=lambda row: row.table):
        selects = []
        for row in rows:
            values = {column: _expression(kind, value, made_of) for column, (kind, value) in row.values.items()}
            if table == DOCUMENTS:
                values |= {"revision": f"{revision} + n", "document": "made.document"}
            selects.append(f"({', '.join(values)}) SELECT {', '.join(values.values())} FROM made")  # noqa: S608
        await copies.insert(connection, table, selects)
    await connection.execute("DROP TABLE made")


def _expression(kind: str, value: str | None, made_of: Template) -> str:
    if value is None:
        return "NULL"
    own = {word: f"made.{column}" if column in COLUMNS else column for word, column in made_of.words.items()}
    own |= {each: copies.numbered(each, number) for each, number in made_of.ids.items()}
    parts = re.split("(" + "|".join(map(re.escape, own)) + ")", value)
    text = " || ".join(own.get(part) or copies.literal(part) for part in parts if part)
    return f"CAST({text or copies.literal('')} AS {kind})"


def _texts(made_of: Template, count: int) -> Iterator[tuple[object, ...]]:
    for one in assortment.goods(count):
        brand, category = made_of.brands[one.brand], made_of.categories[one.category]
        words = (one.name, one.description, brand["name"], brand["id"], category.id, one.color, str(one.price))
        yield one.number, *words, None


def _documents(made_of: Template, count: int) -> Iterator[tuple[object, ...]]:
    """Of a good search's other tables need its number and category."""
    (row,) = [each for each in made_of.rows["stoa_search"] if each.table == DOCUMENTS]
    model = document.decoded(bytes.fromhex((row.values["document"][1] or "").removeprefix("\\x")), 0)
    card = msgspec.json.decode(model.card, type=Card)
    number = made_of.ids[card.id]
    for one in assortment.goods(count):
        made = _document(model, card, one, copies.id_of(one.number, number), made_of)
        category_id = made_of.categories[one.category].id
        yield one.number, None, None, None, None, category_id, None, None, document.encoded(made)


def _document(model: Document, card: Card, one: Good, product_id: str, made_of: Template) -> Document:
    """The model's, with what is the good's own."""
    brand, category = made_of.brands[one.brand]["name"], made_of.categories[one.category]
    shown = replace(
        card,
        id=product_id,
        slug=one.slug,
        name=one.name,
        brand=brand,
        category=category,
        price=Money(one.price, "GBP"),
        price_max=Money(one.price, "GBP"),
        skus=[one.sku],
        available_skus=[one.sku],
    )
    return replace(
        model,
        id=product_id,
        slug=one.slug,
        name=one.name,
        description=one.description,
        brand=brand,
        categories=[[Category(category.slug, category.name)]],
        skus=[one.sku],
        variants=[Variant({"Color": one.color}, True)],
        price_minor=one.price,
        created_at=document.created_at(product_id),
        card=msgspec.json.encode(shown),
    )


async def _add(shop: Shop, kind: str, count: int) -> list[dict[str, Any]]:
    """So many brands or categories."""
    room = asyncio.Semaphore(AT_ONCE)
    path = {"brand": "/brands", "category": "/categories"}[kind]

    async def one(number: int) -> dict[str, Any]:
        async with room:
            body = {"slug": f"{kind}-{number:03}", "name": f"{kind.title()} {number:03}"}
            return dict(await shop.as_admin("POST", path, body))

    return list(await asyncio.gather(*map(one, range(count))))


def _ids(rows: Iterable[Row]) -> set[str]:
    return {
        each for row in rows for _, value in row.values.values() if value is not None for each in _ID.findall(value)
    }
