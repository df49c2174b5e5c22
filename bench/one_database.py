"""All services' tables in one database, a schema for each: pgbench has one connection, an order has six databases.

It is filled with a copy of what the services' databases hold, so that every table is as large on both
sides, and it lives on the same server.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import asyncpg

from bench.shop import Shop
from stoa.app import STORED
from stoa.kit.migrate import migrate
from stoa.runtime.provision import migrations_of

NAME = "stoa_bench"

# A partition's rows come with those of its table, which puts each where it belongs.
TABLES = """
    SELECT nspname AS schema, relname AS name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname NOT IN ('pg_catalog', 'information_schema')
    ORDER BY 1, 2
"""
COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
SEQUENCES = "SELECT schemaname AS schema, sequencename AS name, last_value FROM pg_sequences"
FUNCTIONS = """
    SELECT oid::regprocedure::text AS signature, proname::text AS name FROM pg_proc
    WHERE pronamespace = $1::regnamespace
"""


@dataclass(frozen=True)
class Namespace:
    """The tables and functions of each service, by the database they come from, which is also their schema here."""

    tables: dict[str, frozenset[str]]
    functions: dict[str, frozenset[str]]

    def qualified(self, database: str, sql: str) -> str:
        """The statement with the schema before each of the service's own tables and functions."""
        made_here = set(re.findall(r"(\w+)(?:\s*\([^()]*\))?\s+AS\s+(?:MATERIALIZED\s+)?\(", sql))
        names = "|".join(sorted(self.tables[database] - made_here, key=len, reverse=True))
        if functions := "|".join(sorted(self.functions[database], key=len, reverse=True)):
            sql = re.sub(rf"(?<![.\w])({functions})(?=\()", rf"{database}.\g<1>", sql)
        return re.sub(rf"\b(FROM|JOIN|INTO|UPDATE|USING)(\s+)({names})\b(?!\s*\.)", rf"\g<1>\g<2>{database}.\g<3>", sql)


async def make(shop: Shop) -> Namespace:
    """The database, anew, as full as the shop's are now."""
    admin = await asyncpg.connect(shop.dsn())
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {NAME}")
    finally:
        await admin.close()
    tables, functions = {}, {}
    target = await asyncpg.connect(shop.dsn(NAME))
    try:
        for service in STORED.values():
            schema = f"stoa_{service.name}"
            await target.execute(f"CREATE SCHEMA {schema}")
            await migrate(f"{shop.dsn(NAME)}?search_path={schema}", service.name, migrations_of(service))
            made = await target.fetch(FUNCTIONS, schema)
            functions[schema] = frozenset(function["name"] for function in made)
            for function in made:
                # Its tables are where it was made, whoever calls it from wherever.
                await target.execute(f"ALTER FUNCTION {function['signature']} SET search_path = {schema}")
            source = await asyncpg.connect(shop.dsn(f"stoa_{service.name}"))
            try:
                tables[schema] = await _copy(source, target, schema)
            finally:
                await source.close()
        await target.execute("ANALYZE")
    finally:
        await target.close()
    return Namespace(tables, functions)


async def _copy(source: asyncpg.Connection, target: asyncpg.Connection, schema: str) -> frozenset[str]:
    """Rows and counters of one service; the names of its tables."""
    found = [
        (
            f"{table['schema']}.{table['name']}",
            schema if table["schema"] == "public" else table["schema"],
            table["name"],
        )
        for table in await source.fetch(TABLES)
    ]
    # What refuses changes, and what refers to rows that are not there yet, looks away.
    await target.execute("SET session_replication_role = replica")
    # What a migration has put there, and all at once: one alone would take those that refer to it along, filled or not.
    await target.execute(f"TRUNCATE {', '.join(f'{place}.{name}' for _, place, name in found)}")
    for table, place, name in found:
        columns = [row["attname"] for row in await source.fetch(COLUMNS, table)]
        rows = io.BytesIO()
        # Of a query, because a partitioned table itself cannot be copied out of.
        listed = ", ".join(f'"{column}"' for column in columns)
        await source.copy_from_query(f"SELECT {listed} FROM {table}", output=rows, format="binary")  # noqa: S608
        rows.seek(0)
        await target.copy_to_table(name, schema_name=place, columns=columns, source=rows, format="binary")
    for sequence in await source.fetch(SEQUENCES):
        if sequence["last_value"] is not None:
            place = schema if sequence["schema"] == "public" else sequence["schema"]
            await target.execute(
                "SELECT setval($1::regclass, $2)", f"{place}.{sequence['name']}", sequence["last_value"]
            )
    await target.execute("RESET session_replication_role")
    return frozenset(name for _, place, name in found if place == schema)
