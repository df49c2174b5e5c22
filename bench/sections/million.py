"""A large shop beside an empty one."""

from __future__ import annotations

from collections.abc import Iterator

from bench.million import Million
from bench.page import Target, table

TARGET = 0.95


def targets(million: Million) -> Iterator[Target]:
    for each in million.grown:
        if each.promised:
            yield Target(
                f"{each.what}, after {million.copies:,} orders",
                f"{each.large.rate:,.0f}/s",
                f"empty shop {each.empty.rate:,.0f}/s, ratio {each.ratio:.2f}",
                f"≥ {TARGET:.2f}",
                each.ratio >= TARGET,
            )


def section(million: Million) -> Iterator[str]:
    yield "## A large shop"
    yield (
        f"After {million.copies:,} orders and with {million.copies:,} products more, which take "
        f"{million.size_bytes / 1e9:,.1f} GB, beside a shop with 200 products that has sold nothing. CPU is of the "
        "services and PostgreSQL, for each order or read."
    )
    rows = [
        (
            each.what,
            f"{each.large.rate:,.0f}",
            f"{each.empty.rate:,.0f}",
            f"{each.ratio:.2f}",
            f"{each.large.cpu * 1e3:.2f}",
            f"{each.empty.cpu * 1e3:.2f}",
        )
        for each in million.grown
    ]
    yield table(("", "per second", "empty shop", "ratio", "CPU ms", "empty shop"), rows)
