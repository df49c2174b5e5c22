"""Orders beside pgbench."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.limit import Beside
from bench.page import Target, ms, table

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
    yield "The same orders, and what the database alone would give: pgbench runs exactly the statements of one order."
    rows = [
        (
            str(level.concurrency),
            f"{level.shop.rate:,.0f}",
            ms(level.shop.p50),
            f"{level.pgbench.rate:,.0f}",
            ms(level.pgbench.p50),
            ms(level.pgbench.p99),
            f"{level.ratio:.0%}",
        )
        for level in levels
    ]
    head = ("orders/s", "p50 ms", "pgbench, the same SQL, orders/s", "p50 ms", "p99 ms", "ratio of rates")
    yield table(("at once", *head), rows)
