"""Catalog: how fast a file of products comes in, and what a product of very many variants takes.

A file is imported by `stoa import products` beside a shop that runs, as a merchant does it. Beside it stands what the
database would take alone: the very rows that the import left, copied (`COPY`) into the same tables with their indexes.
A product is added, changed and read with one variant and with a thousand; the statements are those that PostgreSQL
logs: of what is written those of its transaction, because jobs and search read meanwhile.
"""

from __future__ import annotations

import asyncio
import csv
import io
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import assortment, capture, one_database
from bench.one_database import Namespace
from bench.plan import Plan
from bench.progress import Progress
from bench.shop import Shop, running
from stoa.runtime.data_dir import DataDir

MORE_READS = 3
DATABASE = "stoa_catalog"
VARIANTS = (1, 1000)
ACTS = ("add", "change", "read")


@dataclass(frozen=True)
class Import:
    """`rows` of a file, one product each. `copied` are the rows of tables that they became, and `copied_seconds` what
    the database alone takes for these."""

    rows: int
    seconds: float
    copied: int
    copied_seconds: float


@dataclass(frozen=True)
class Act:
    """The fewest statements, of several times, and the median of the seconds."""

    statements: int
    seconds: float


@dataclass(frozen=True)
class Catalog:
    imported: Import
    acts: Mapping[int, Mapping[str, Act]]
    """By the number of variants."""


async def measure(folder: Path, shape: str, plan: Plan, progress: Progress) -> Catalog:
    """On a shop of its own."""
    progress.expect("Catalog", 1 + len(VARIANTS))
    async with running(folder / "catalog", shape) as shop:
        acts = {}
        async with capture.logged(shop):
            for variants in VARIANTS:
                acts[variants] = await _acts(shop, variants, plan.saves)
                said = ", ".join(
                    f"{name} {one.statements} in {one.seconds * 1e3:.1f} ms" for name, one in acts[variants].items()
                )
                progress.advance(f"statements of a product with {variants:,} variants: {said}")
        imported = await _import(shop, folder, plan.imported)
        progress.advance(
            f"{imported.rows / imported.seconds:,.0f} rows/s imported, {imported.rows / imported.copied_seconds:,.0f} "
            "by COPY"
        )
    return Catalog(imported, acts)


async def _import(shop: Shop, folder: Path, rows: int) -> Import:
    file = folder / "products.csv"
    await asyncio.to_thread(write, file, rows)
    command = [sys.executable, "-m", "stoa.cli.main", "import", "products", str(file), "--data-dir", str(shop.data_dir)]
    database = await shop.look(DATABASE)
    before = await database.fetchval(PRODUCTS)
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    seconds = time.perf_counter() - started
    added = await database.fetchval(PRODUCTS) - before
    if process.returncode != 0 or added != rows:
        raise RuntimeError(f"{added} of {rows} products came in: {said.decode(errors='replace')[-2000:]}")
    await shop.settle()
    return Import(rows, seconds, *await _copied(shop, await one_database.make(shop)))


PRODUCTS = "SELECT count(*) FROM products"


def write(file: Path, rows: int) -> None:
    """So many products of one variant, as a merchant's file has them."""
    with file.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(("slug", "name", "description", "brand", "status", "sku", "price", "options"))
        for one in assortment.goods(rows):
            price = f"{one.price / 100:.2f}"
            brand, options = f"Brand {one.brand:03}", f"Color={one.color}"
            table.writerow((one.slug, one.name, one.description, brand, "active", one.sku, price, options))


async def _copied(shop: Shop, namespace: Namespace) -> tuple[int, float]:
    """The rows of catalog's tables, taken out of the bench's database and put in again: how many, in how long."""
    database = await shop.look(one_database.NAME)
    tables = sorted(namespace.tables[DATABASE])
    kept = {}
    for table in tables:
        columns = [row["attname"] for row in await database.fetch(one_database.COLUMNS, f"{DATABASE}.{table}")]
        rows = io.BytesIO()
        listed = ", ".join(f'"{column}"' for column in columns)
        query = f"SELECT {listed} FROM {DATABASE}.{table}"  # noqa: S608
        await database.copy_from_query(query, output=rows, format="binary")
        kept[table] = columns, rows
    counted, seconds = 0, 0.0
    # What refers to a row that comes later looks away.
    await database.execute("SET session_replication_role = replica")
    await database.execute(f"TRUNCATE {', '.join(f'{DATABASE}.{table}' for table in tables)}")
    for table, (columns, rows) in kept.items():
        rows.seek(0)
        started = time.perf_counter()
        done = await database.copy_to_table(table, schema_name=DATABASE, columns=columns, source=rows, format="binary")
        seconds += time.perf_counter() - started
        counted += int(done.split()[-1])
    await database.execute("RESET session_replication_role")
    return counted, seconds


async def _acts(shop: Shop, variants: int, times: int) -> dict[str, Act]:
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in ACTS}
    for number in range(1 + times):
        product = _product(variants, number)
        steps: dict[str, Callable[[], Awaitable[Any]]] = {
            "add": partial(shop.as_admin, "POST", "/products", product),
            "change": partial(shop.as_admin, "PUT", f"/products/{product['slug']}", _dearer(product)),
            "read": partial(shop.as_admin, "GET", f"/products/{product['slug']}"),
        }
        # Search fetches what changed when it comes to it: of several reads one has nothing else beside it.
        for name, act in (*steps.items(), *[("read", steps["read"])] * MORE_READS):
            await shop.settle()
            timed = await _timed(shop, act, writes=name != "read")
            # The first opens connections and prepares statements.
            if number:
                found[name].append(timed)
    return {
        name: Act(min(statements for statements, _ in each), median(seconds for _, seconds in each))
        for name, each in found.items()
    }


async def _timed(shop: Shop, act: Callable[[], Awaitable[Any]], *, writes: bool) -> tuple[int, float]:
    """Statements in catalog's database, and seconds."""
    took = 0.0

    async def timed() -> None:
        nonlocal took
        started = time.perf_counter()
        await act()
        took = time.perf_counter() - started

    done = await capture.executed(DataDir(shop.data_dir).postgres / "log", timed())
    of_each = [len(transaction.statements) for transaction in done if transaction.database == DATABASE]
    return max(of_each) if writes else sum(of_each), took


def _product(variants: int, number: int) -> dict[str, Any]:
    slug = f"saved-{variants}-{number}"
    return {
        "slug": slug,
        "name": f"Saved {variants} {number}",
        "brand": "Hearth & Field",
        "status": "active",
        "variants": [
            {
                "sku": f"{slug.upper()}-{at}",
                "price": {"amount": 1999 + at, "currency": "GBP"},
                "options": {"Size": f"{at % 40}", "Color": f"Color {at // 40}"},
            }
            for at in range(variants)
        ],
    }


def _dearer(product: dict[str, Any]) -> dict[str, Any]:
    """The same product as it was added, each of its variants at another price."""
    variants = [
        {**each, "price": {**each["price"], "amount": each["price"]["amount"] + 100}} for each in product["variants"]
    ]
    return {**product, "variants": variants, "version": 1}
