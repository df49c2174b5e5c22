"""Movements lie in partitions by month: what was there before comes along, and no movement waits for its month."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from volume import read_by

import stoa.services.inventory
from stoa.kit import clock
from stoa.kit.db import Locked
from stoa.kit.migrate import KIT_FOLDER, migrate, service_folders
from stoa.services.inventory.jobs import MONTHS_AHEAD, jobs
from stoa.services.inventory.movements_repository import MOVEMENTS_BEFORE, make_months
from stoa.services.inventory.routes import routes
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
REAL = service_folders(Path(str(stoa.services.inventory.__file__)).parent)

MONTHS = """
    SELECT child.relname, pg_get_expr(child.relpartbound, child.oid) AS bounds
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'stock_movements'::regclass ORDER BY 2
"""
WHERE_IT_LIES = "SELECT tableoid::regclass::text FROM stock_movements WHERE sku = $1 ORDER BY created_at, id"
MOVE = """
    WITH item AS (INSERT INTO items (sku) VALUES ($1) ON CONFLICT DO NOTHING)
    INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, created_at) VALUES ($1, 'main', 'opening', 1, $2)
"""


def later(months: int) -> datetime:
    """The middle of the month so many after this."""
    today = clock.now()
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    return datetime(year, month + 1, 15, tzinfo=UTC)


def month(months: int) -> str:
    return f"stock_movements_{later(months):%Y_%m}"


async def names(db) -> set[str]:
    return {row["relname"] for row in await db.fetch(MONTHS)}


async def test_months_are_made_ahead_and_once(shop):
    made = {month(3), "stock_movements_before", "stock_movements_later"}
    assert await names(shop.db) == made, "what a new shop begins with"
    [job] = [job for job in jobs(shop.inventory) if job.name == "make-movement-months"]
    for _ in range(2):
        await job.run()
        assert await names(shop.db) == made
    assert await make_months(shop.db, later(2), MONTHS_AHEAD) == 2
    assert await names(shop.db) == made | {month(4), month(5)}
    assert await make_months(shop.db, later(2), MONTHS_AHEAD) == 0


async def test_a_movement_lies_in_its_month_or_in_the_last(shop):
    for months in (-20, 0, 3, 4, 40):
        await shop.db.execute(MOVE, "A", later(months))
    lies = await shop.db.fetch(WHERE_IT_LIES, "A")
    assert [row[0] for row in lies] == [
        "stock_movements_before",
        "stock_movements_before",
        month(3),
        "stock_movements_later",
        "stock_movements_later",
    ]


async def test_months_that_nobody_made_in_time_are_one(shop):
    """A shop that stood still for half a year sells before its job has run."""
    for months in (4, 8):
        await shop.db.execute(MOVE, "A", later(months))
    assert await make_months(shop.db, later(8), MONTHS_AHEAD) == 1 + MONTHS_AHEAD
    await shop.db.execute(MOVE, "A", later(9))
    lies = await shop.db.fetch(WHERE_IT_LIES, "A")
    assert [row[0] for row in lies] == [month(8), month(8), month(9)]
    assert await names(shop.db) >= {month(months) for months in (3, 8, 9, 10, 11)}
    assert await shop.db.fetchval("SELECT count(*) FROM stock_movements_later") == 0


async def test_two_jobs_at_once_make_each_month_once(shop, twin):
    made = await asyncio.gather(
        *(make_months(one.db, later(6), MONTHS_AHEAD) for one in (shop, twin(), twin())), return_exceptions=True
    )
    # Who does not get the table in a tenth of a second leaves it to the next time.
    assert all(isinstance(one, int | Locked) for one in made)
    assert sum(one for one in made if isinstance(one, int)) == 6


async def test_making_months_waits_for_nobody_long(shop, twin):
    """Who writes would wait behind it."""
    async with twin().db.transaction() as tx:
        await tx.execute(MOVE, "A", clock.now())
        with pytest.raises(Locked):
            await make_months(shop.db, later(6), MONTHS_AHEAD)
    assert await make_months(shop.db, later(6), MONTHS_AHEAD) == 6


@pytest.mark.parametrize("partition", ["stock_movements_before", "stock_movements_later", month(3)])
async def test_each_month_is_append_only_and_knows_the_kinds(shop, partition):
    await shop.put("A", 10)
    for sql in (f"UPDATE {partition} SET quantity = 1", f"DELETE FROM {partition}", f"TRUNCATE {partition}"):
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await shop.db.execute(sql)
    moment = {"stock_movements_before": 0, "stock_movements_later": 9}.get(partition, 3)
    for kind, quantity in (("sale", -1), ("transfer_out", -1), ("transfer_in", 1), ("write_off", -1), ("gift", 1)):
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await shop.db.execute(
                "INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, created_at) "
                "VALUES ('A', 'main', $1, $2, $3)",
                kind,
                quantity,
                later(moment),
            )
        assert refused.value.constraint_name == "stock_movements_kind"
    assert await shop.movements("A") == [("opening", 10)]


async def test_pages_go_on_over_the_months_the_newest_first(shop):
    rest, pages = Rest(routes.bind(shop.inventory), shop.db), []
    await make_months(shop.db, later(24), 0)
    moments = [later(months) for months in range(24) for _ in range(3)]
    for moment in moments:
        await shop.db.execute(MOVE, "A", moment)
    query = "limit=10"
    while query:
        page = await rest.ok("GET", f"/inventory/A/movements?{query}", user=ADMIN)
        pages.append([one["id"] for one in page["items"]])
        query = page["next_cursor"] and f"limit=10&cursor={page['next_cursor']}"
    shown = [one for page in pages for one in page]
    assert [len(page) for page in pages] == [10] * 7 + [2]
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == len(moments)


async def test_a_page_reads_no_more_than_it_shows(shop):
    """With five years of movements the newest page reads the newest month."""
    await make_months(shop.db, later(60), 0)
    async with shop.db.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, created_at)
            SELECT 'SKU-' || n % 20, 'main', 'opening', 1, $1::timestamptz + n * interval '2 hours'
            FROM generate_series(1, 20000) AS n
            """,
            later(0),
        )
    await shop.db.execute("ANALYZE stock_movements")
    newest = await read_by(shop.db, MOVEMENTS_BEFORE, "SKU-7", None, None, 21)
    assert newest.rows == 21
    assert newest.pages <= 40
    deep = await read_by(shop.db, MOVEMENTS_BEFORE, "SKU-7", later(30), 10**9, 21)
    assert deep.rows <= 21
    assert deep.pages <= 40


@pytest.fixture
async def older(templates, postgres, tmp_path):
    """A shop of the release before there were months, with movements: a connection, and what it is reached by."""
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute("CREATE DATABASE months_of_a_test")
    dsn = postgres.dsn("months_of_a_test")
    folder = tmp_path / "inventory" / "migrations"
    shutil.copytree(REAL[1], folder, ignore=lambda _, files: [name for name in files if name[:4] > "0003"])
    await migrate(dsn, "inventory", [KIT_FOLDER, folder])
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        """
        INSERT INTO stock_movements (sku, warehouse_id, kind, quantity, created_at)
        SELECT 'SKU-' || n % 50, 'main', 'opening', n, now() - n * interval '1 hour' FROM generate_series(1, 5000) AS n
        """
    )
    yield connection, dsn
    await connection.close()
    await admin.execute("DROP DATABASE months_of_a_test WITH (FORCE)")
    await admin.close()


async def test_an_installed_shop_gets_months_without_being_read_or_written_anew(older):
    connection, _ = older
    everything = "SELECT count(*), sum(quantity), max(id), sum(id) FROM stock_movements"
    before = await connection.fetchrow(everything)
    file = await connection.fetchval("SELECT pg_relation_filenode('stock_movements')")
    # What the server says of what it need not look at.
    said: list[str] = []
    async with connection.transaction():
        connection.add_log_listener(lambda _, message: said.append(message.message))
        for name in ("0004_movements_of_documents", "0005_movements_checked", "0006_movements_of_a_sku"):
            sql = (REAL[1] / f"{name}.sql").read_text(encoding="utf-8").replace("CONCURRENTLY ", "")
            await connection.execute(sql)
        await connection.execute("SET LOCAL client_min_messages = debug1")
        await connection.execute((REAL[1] / "0007_movements_by_month.sql").read_text(encoding="utf-8"))
    assert any("stock_movements_before" in one and "implied by existing constraints" in one for one in said), said
    assert await connection.fetchrow(everything) == before
    assert await connection.fetchval("SELECT pg_relation_filenode('stock_movements_before')") == file


async def test_what_is_sold_while_it_is_brought_up_to_date_is_kept(older):
    """As the release before writes it, which runs on what these files leave."""
    connection, dsn = older
    columns = "sku, warehouse_id, kind, quantity"
    sell = f"INSERT INTO stock_movements ({columns}) VALUES ('S', 'main', 'receipt', 1) RETURNING id"
    numbers, done = [], asyncio.Event()

    async def sells():
        while not done.is_set():
            numbers.append(await connection.fetchval(sell))

    selling = asyncio.create_task(sells())
    try:
        applied = await migrate(dsn, "inventory", REAL)
    finally:
        done.set()
        await selling
    assert "inventory/0007_movements_by_month.sql" in applied
    numbers.append(await connection.fetchval(sell))
    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers)
    assert await connection.fetchval("SELECT count(*) FROM stock_movements WHERE sku = 'S'") == len(numbers)
