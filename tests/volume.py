"""How much of a large table a statement reads: not how long it takes, which says nothing on a busy machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from stoa.kit.by_index import plan_by_index, plan_for_arguments
from stoa.kit.db import Database, Transaction

ROWS = 100_000


class Read(NamedTuple):
    """Rows that the plan's scans came upon, those that they threw away again included, and pages of 8 KiB."""

    rows: int
    pages: int


async def fill(db: Database, table: str, columns: str, values: str, rows: int = ROWS) -> None:
    """So many rows at once; `n` counts them in `values`. Then the planner is told."""
    async with db.transaction() as tx, without_indexes(tx, table):
        await tx.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series(1, {rows}) AS n")


@asynccontextmanager
async def without_indexes(tx: Transaction, table: str) -> AsyncIterator[None]:
    """For the block; after it the table has its indexes and references again, made at once, and statistics.

    Kept up row by row they cost several times as much.
    """
    await tx.execute("SET LOCAL statement_timeout = 0; SET LOCAL maintenance_work_mem = '256MB'")
    parts = await tx.fetch(INDEXES_AND_REFERENCES, table)
    for part in parts:
        await tx.execute(part["drop"])
    yield
    for part in reversed(parts):
        await tx.execute(part["make"])
    await tx.execute(f"ANALYZE {table}")


# What refers to the table goes before the keys that it refers to, and comes back after them.
INDEXES_AND_REFERENCES = """
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
               AS make,
           contype = 'f' AS refers
    FROM pg_constraint
    WHERE contype IN ('p', 'u') AND conrelid = $1::text::regclass
          OR contype = 'f' AND $1::text::regclass IN (conrelid, confrelid)
    UNION ALL
    SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid), false
    FROM pg_index
    WHERE indrelid = $1::text::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY refers DESC
"""


async def read_by(
    db: Database, sql: str, *arguments: object, by_index: bool = False, for_arguments: bool = False
) -> Read:
    """What running the statement reads, planned as a service's statements are: for any arguments. It is rolled back.

    `by_index` or `for_arguments` where its caller has it planned so.
    """
    plan: Mapping[str, Any] = {}
    try:
        async with db.transaction() as tx:
            if by_index:
                await plan_by_index(tx)
            if for_arguments:
                await plan_for_arguments(tx)
            # EXPLAIN of a statement with arguments would plan for these.
            await tx.execute(f"PREPARE read AS {sql}")
            types = await tx.fetchval("SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'read'")
            values = [
                await tx.fetchval(f"SELECT quote_nullable($1::{kind}::text)", argument)
                for kind, argument in zip(types, arguments, strict=True)
            ]
            given = f"({', '.join(values)})" if values else ""
            (plan,) = await tx.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE read{given}")
            await tx.execute("DEALLOCATE read")
            raise _RolledBack
    except _RolledBack:
        root = plan["Plan"]
    rows = sum(_rows(node) for node in _nodes(root) if "Relation Name" in node and node["Node Type"].endswith("Scan"))
    return Read(rows, root["Shared Hit Blocks"] + root["Shared Read Blocks"])


class _RolledBack(Exception):
    pass


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _rows(node: Mapping[str, Any]) -> int:
    thrown_away = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    return round((node["Actual Rows"] + thrown_away) * node["Actual Loops"])
