"""Orders beside pgbench."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.limit import Beside
from bench.monolith import STATEMENTS
from bench.page import Target, both, ms, table

TARGET = 0.25


def targets(levels: Sequence[Beside]) -> Iterator[Target]:
    for level in levels:
        yield Target(
            f"Orders beside the same SQL, {level.concurrency} at once",
            f"{level.shop.rate:,.0f}/s",
            f"pgbench {level.pgbench.rate:,.0f}/s, ratio {level.ratio:.0%}",
            f"≥ {TARGET:.0%}",
            level.ratio >= TARGET,
        )


def section(levels: Sequence[Beside]) -> Iterator[str]:
    yield "## The limit"
    yield (
        "The same orders, and what the database alone would give: pgbench runs exactly the statements of one order, "
        f"and the same order in {STATEMENTS} statements of one transaction of one database."
    )
    rows = [
        (
            str(level.concurrency),
            f"{level.shop.rate:,.0f}",
            ms(level.shop.p50),
            f"{level.pgbench.rate:,.0f}",
            both(level.pgbench.p50, level.pgbench.p99),
            f"{level.ratio:.0%}",
            f"{level.monolith.rate:,.0f}",
            both(level.monolith.p50, level.monolith.p99),
            f"{level.monolith_ratio:.1%}",
        )
        for level in levels
    ]
    each = ("orders/s", "p50 / p99 ms", "ratio")
    head = (
        "at once",
        "orders/s",
        "p50 ms",
        *(f"same SQL, {one}" for one in each),
        *(f"one piece, {one}" for one in each),
    )
    yield table(head, rows)
