"""How much of a large table a statement reads: not how long it takes, which says nothing on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stoa.kit.by_index import plan_by_index
from stoa.kit.db import Database

ROWS = 300_000


class Read(NamedTuple):
    """Rows that the plan's scans came upon, those that they threw away again included, and pages of 8 KiB."""

    rows: int
    pages: int


async def fill(db: Database, table: str, columns: str, values: str, rows: int = ROWS) -> None:
    """So many rows at once; `n` counts them in `values`. Then the planner is told."""
    async with db.transaction() as tx:
        await tx.execute("SET LOCAL statement_timeout = 0")
        await tx.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series(1, {rows}) AS n")
        await tx.execute(f"ANALYZE {table}")


async def read_by(db: Database, sql: str, *arguments: object, by_index: bool = False) -> Read:
    """What running the statement reads; it is rolled back. `by_index` where its caller has it planned so."""
    plan: Mapping[str, Any] = {}
    try:
        async with db.transaction() as tx:
            if by_index:
                await plan_by_index(tx)
            (plan,) = await tx.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)
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
