"""A shop as it is after very many orders: what one of them left in every table, so many times.

A product is added and counted, a guest puts it into a cart and buys it, all through the API; then every
database is searched for the rows that were not there before. This is done with two products: what differs
between the two are ids, and these are made from a number that counts up when the rows are copied. So the
copies are as real rows are, whatever tables and columns there are by now, and as sound: each product was
counted once, sold once and paid for.

Answers that are kept for a repeated key are left out: a shop forgets them after two days. So is what is on its way
to somebody: it will have come.

The ids of the copies are older than those of what comes after them, and follow one another, as real ones do. So do
their times: one order every half second, a million in six days. That is within every time for which something is kept,
so nothing of a copy would be gone yet.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby

import asyncpg

from bench import baskets, goods
from bench.shop import Shop
from stoa.runtime import secrets as secrets_of
from stoa.runtime.data_dir import DataDir
from stoa.runtime.postgres import NOT_DURABLE, Postgres

TABLES_AT_ONCE = 2
# It is thrown away if it crashes, and nobody else is there meanwhile.
SETTINGS = {
    **NOT_DURABLE,
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}

IDS_EACH = 128
_FIRST_OF_ID = "01a00000-0000-7000-8000-"
ONE_EVERY = "interval '0.5 seconds'"
FIRST_NUMBER = 10_000_000
"""Of the copies' orders: far from those that the shop gives."""
_SKUS = ("TEMPLATE-1", "TEMPLATE-2")
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32,64}(?![0-9a-f])"
_TOKEN = re.compile(rf"({_ID}|S-[0-9]{{6,}}|{'|'.join(_SKUS)}|{'|'.join(_SKUS).lower()})")

TABLES = """
    SELECT table_of.oid, format('%I.%I', schema.nspname, table_of.relname) AS name
    FROM pg_class AS table_of JOIN pg_namespace AS schema ON schema.oid = table_of.relnamespace
    WHERE table_of.relkind = 'r' AND schema.nspname NOT IN ('pg_catalog', 'information_schema')
      AND table_of.relname NOT IN ('idempotency_keys', 'outbox')
    ORDER BY 2
"""
# What the server fills in itself stays its own.
COLUMNS = """
    SELECT quote_ident(attname) AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
    WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = '' ORDER BY attnum
"""
KEY = """
    SELECT string_agg(quote_ident(attname), ', ') FROM pg_index
    JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
    WHERE indrelid = $1 AND indisprimary
"""
KEY_INDEX = """
    SELECT quote_ident(relname) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = CAST($1::text AS regclass) AND indisprimary
"""

SIZE = "SELECT pg_total_relation_size(CAST($1::text AS regclass))"


@dataclass(frozen=True)
class Row:
    """One that an order left: the text of each column, and the column's type."""

    table: str
    values: Mapping[str, tuple[str, str | None]]


Rows = Mapping[str, list[Row]]
"""By database."""


async def left_by_an_order(shop: Shop) -> Rows:
    """The rows that are to be copied; what is in place of their ids and times says `n`, and of how many `copies`."""
    # A session of the administrator is not of the order.
    await shop.as_admin("GET", "/products?limit=1")
    one, other = [await _left_by(shop, sku) for sku in _SKUS]
    known = set(_tokens(other))
    ids = {token: number for number, token in enumerate(sorted(_tokens(one) - known))}
    assert len(ids) <= IDS_EACH, f"an order has {len(ids)} ids of its own"
    return {
        database: [
            Row(
                row.table,
                {name: (kind, _of_column(name, value, kind, ids)) for name, (kind, value) in row.values.items()},
            )
            for row in rows
        ]
        for database, rows in one.items()
    }


def sku(number: int) -> str:
    """Of the number-th copy, from 1."""
    return f"MANY-{number:07}"


async def fill(place: DataDir, rows: Rows, copies: int, tell: Callable[[str], None]) -> int:
    """Write so many copies into the databases of a shop that does not run; the bytes that these then take.

    `tell` hears of each table that is full.
    """
    room = asyncio.Semaphore(TABLES_AT_ONCE)

    async def one(server: Postgres, database: str, table: str, rows: list[Row]) -> int:
        async with room:
            connection = await asyncpg.connect(server.dsn(database))
            try:
                await _copy(connection, table, rows, copies)
                tell(f"{len(rows) * copies:,} rows of {database}, {table}")
                return int(await connection.fetchval(SIZE, table))
            finally:
                await connection.close()

    async with serving(place) as server:
        return sum(await asyncio.gather(*(one(server, *each) for each in tables(rows))))


@asynccontextmanager
async def serving(place: DataDir) -> AsyncIterator[Postgres]:
    """The database server of a shop that does not run, in a hurry, for the block."""
    server = Postgres(place.postgres, secrets_of.load(place.secrets, {}).superuser, settings=SETTINGS)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        # Nor is anything on its way to the disk any more.
        await asyncio.to_thread(os.sync)


def tables(rows: Rows) -> list[tuple[str, str, list[Row]]]:
    """Each table and its database, with what an order left in it; the longest first, so that none is left over."""
    found = [
        (database, table, list(of_table))
        for database, of_database in rows.items()
        for table, of_table in groupby(of_database, key=lambda row: row.table)
    ]
    return sorted(found, key=lambda each: -sum(len(value or "") for row in each[2] for _, value in row.values.values()))


async def _copy(connection: asyncpg.Connection, table: str, rows: list[Row], copies: int) -> None:
    numbers = f"generate_series(1, {copies}) AS n, (VALUES ({copies})) AS of_all (copies)"
    selects = []
    for row in rows:
        values = ", ".join(f"CAST({value} AS {kind})" for kind, value in row.values.values())
        selects.append(f"({', '.join(row.values)}) SELECT {values} FROM {numbers}")  # noqa: S608
    await insert(connection, table, selects)


async def insert(connection: asyncpg.Connection, table: str, selects: Sequence[str]) -> None:
    """What each of them selects for its columns, into a table that nobody else uses."""
    # What refers to a row that comes later, and what refuses or checks row by row, looks away.
    await connection.execute("SET session_replication_role = replica")
    async with connection.transaction():
        # Its files become new ones, of which the server need not log what comes into them before this ends.
        await connection.execute(f"CLUSTER {table} USING {await connection.fetchval(KEY_INDEX, table)}")
        for select in selects:
            await connection.execute(f"INSERT INTO {table} {select}")
        await connection.execute(f"ALTER TABLE {table} SET WITHOUT CLUSTER")
    # While it is in memory; and so that no vacuum of the shop's own begins when it is measured.
    await connection.execute(f"VACUUM (ANALYZE) {table}")


async def _left_by(shop: Shop, sku: str) -> Rows:
    """What is in the databases after a product was added and bought, and was not before."""
    await shop.settle()
    before = await everything(shop)
    variant = {"sku": sku, "name": "", "price": {"amount": 1999, "currency": "GBP"}}
    product = {
        "slug": sku.lower(),
        "name": f"Beech bowl {sku}",
        "brand": "Hearth & Field",
        "description": "Turned from one piece of beech, oiled twice and packed in paper.",
        "status": "active",
        "variants": [variant],
    }
    await shop.as_admin("POST", "/products", product)
    await shop.as_admin("PUT", f"/inventory/{sku}", {"on_hand": goods.ON_HAND})
    await shop.settle()
    await baskets.buy(shop.port, await baskets.fill(shop.port, 1, lambda _: sku), connections=1)
    await shop.settle()
    return new(before, await everything(shop))


Everything = Mapping[str, Mapping[tuple[str, str], Row]]
"""By database, and by table and key."""


async def everything(shop: Shop) -> Everything:
    return {database: await _rows(await shop.look(database)) for database in shop.services}


def new(before: Everything, after: Everything) -> Rows:
    """The rows that were not there before."""
    return {
        database: [row for key, row in rows.items() if key not in before[database]] for database, rows in after.items()
    }


async def _rows(connection: asyncpg.Connection) -> dict[tuple[str, str], Row]:
    """Every row of the database, by its table and key."""
    found = {}
    for table in await connection.fetch(TABLES):
        columns = await connection.fetch(COLUMNS, table["oid"])
        key = await connection.fetchval(KEY, table["oid"])
        assert key, f"{table['name']} has no key"
        values = ", ".join(f"{column['name']}::text" for column in columns)
        for row in await connection.fetch(f"SELECT ROW({key})::text, {values} FROM {table['name']}"):  # noqa: S608
            cells = zip(columns, list(row)[1:], strict=True)
            found[table["name"], row[0]] = Row(
                table["name"], {column["name"]: (column["type"], value) for column, value in cells}
            )
    return found


def _tokens(rows: Rows) -> set[str]:
    return {
        token
        for each in rows.values()
        for row in each
        for kind, value in row.values.values()
        if value is not None
        for token in _TOKEN.findall(_readable(value, kind) or "")
    }


def _readable(value: str, kind: str) -> str | None:
    """What is written there: an answer is kept as bytes, and so are hashes, which say nothing."""
    if kind != "bytea":
        return value
    try:
        return bytes.fromhex(value.removeprefix("\\x")).decode()
    except UnicodeDecodeError:
        return None


def _of_column(name: str, value: str | None, kind: str, ids: Mapping[str, int]) -> str:
    """Of what counts the changes of a table each has its own, before all that the shop has counted."""
    return "-n" if name == "revision" else _copied(value, kind, ids)


def _copied(value: str | None, kind: str, ids: Mapping[str, int]) -> str:
    """An expression for the n-th copy of a value."""
    if value is None:
        return "NULL"
    if kind.startswith("timestamp"):
        return f"{literal(value)}::{kind} - (copies - n) * {ONE_EVERY}"
    readable = _readable(value, kind)
    if readable is None:
        return literal(value)
    text = " || ".join(_part(part, ids) for part in _TOKEN.split(readable) if part) or "''"
    return f"convert_to({text}, 'UTF8')" if kind == "bytea" else text


def _part(text: str, ids: Mapping[str, int]) -> str:
    if text not in ids:
        return literal(text)
    if text.upper() in _SKUS:
        return f"'{'MANY-' if text.isupper() else 'many-'}' || lpad(n::text, 7, '0')"
    if text.startswith("S-"):
        return f"'S-' || ({FIRST_NUMBER} + n)::text"
    return numbered(text, ids[text])


def numbered(text: str, number: int) -> str:
    """An expression for what the n-th copy has in the place of an id, of which a product has so many."""
    number_of_all = f"to_hex(n::bigint * {IDS_EACH} + {number})"
    if "-" in text:
        return f"'{_FIRST_OF_ID}' || lpad({number_of_all}, 12, '0')"
    return f"lpad({number_of_all}, {len(text)}, '0')"


def id_of(copy: int, number: int) -> str:
    """What `numbered` comes to."""
    return f"{_FIRST_OF_ID}{copy * IDS_EACH + number:012x}"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
