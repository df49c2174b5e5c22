"""Orders beside the baseline's."""

from __future__ import annotations

from collections.abc import Iterator

from bench.baseline import COMMIT
from bench.orders import Alone, Bought, Level, Orders
from bench.page import Target, ms, table

CPU = {1: 0.5, 8: 0.5, 32: 0.45, 128: 0.3}
"""At most this part of the baseline's, services and PostgreSQL together, by how many buy at once."""
RATE = {1: 1.8, 8: 2.0, 32: 2.5, 128: 4.0}
"""At least so many times the baseline's."""
STATEMENTS = 45
COMMITS = 13
"""A whole number: what is measured has a little in it of what a shop at rest writes."""
P50_ALONE = 0.5


def targets(orders: Orders) -> Iterator[Target]:
    beside = f"{orders.baseline.statements} of {COMMIT}" if orders.baseline else ""
    statements = orders.today.statements
    yield Target("Statements of one order", f"{statements}", beside, f"≤ {STATEMENTS}", statements <= STATEMENTS)
    for level in orders.levels:
        if level.concurrency == 1:
            commits = level.today.commits
            beside = f"{level.baseline.commits:.1f} of {COMMIT}" if level.baseline else ""
            yield Target(
                "Writing commits of one order", f"{commits:.1f}", beside, f"≤ {COMMITS}", round(commits) <= COMMITS
            )
        yield from _ratios(level)


def _ratios(level: Level) -> Iterator[Target]:
    today, before, ratios = level.today, level.baseline, level.ratios
    if before is None or ratios is None:
        return
    at_once = f"{level.concurrency} at once"
    if most := CPU.get(level.concurrency):
        yield Target(
            f"CPU of an order, {at_once}",
            f"{ms(today.cpu.total)} ms",
            f"{COMMIT} {ms(before.cpu.total)} ms, ratio {ratios.cpu:.2f}",
            f"≤ {most:.2f}",
            ratios.cpu <= most,
        )
    if fewest := RATE.get(level.concurrency):
        yield Target(
            f"Orders, {at_once}",
            f"{today.rate:,.0f}/s",
            f"{COMMIT} {before.rate:,.0f}/s, ratio {ratios.rate:.2f}",
            f"≥ {fewest:.1f}",
            ratios.rate >= fewest,
        )
    if level.concurrency == 1:
        yield Target(
            "Answer to an order alone, p50",
            f"{ms(today.p50)} ms",
            f"{COMMIT} {ms(before.p50)} ms, ratio {ratios.p50:.2f}",
            f"≤ {P50_ALONE:.2f}",
            ratios.p50 <= P50_ALONE,
        )


def section(orders: Orders) -> Iterator[str]:
    yield "## Orders"
    baseline = f" Of commit `{COMMIT}` it is {_alone(orders.baseline)}." if orders.baseline else ""
    yield (
        f"One order, alone, is {_alone(orders.today)}, with all that its events cause.{baseline} CPU, commits and WAL "
        "are per order: they fall as more orders come at once, because those are committed together."
    )
    rows = []
    for level in orders.levels:
        rows.append(_row(str(level.concurrency), "today", level.today))
        if level.baseline is not None:
            rows.append(_row("", COMMIT, level.baseline))
        if level.ratios is not None:
            each = level.ratios
            figures = (f"{each.rate:.2f}", f"{each.p50:.2f}", "", "", "", f"{each.cpu:.2f}", f"{each.commits:.2f}", "")
            rows.append(("", "ratio", *figures))
    head = ("orders/s", "p50 ms", "p99 ms", "CPU ms services", "PostgreSQL", "both", "writing commits", "WAL KiB")
    yield table(("at once", "", *head), rows)


def _alone(alone: Alone) -> str:
    return f"{alone.statements} statements in {alone.transactions} transactions over {alone.databases} databases"


def _row(at_once: str, who: str, bought: Bought) -> tuple[str, ...]:
    return (
        at_once,
        who,
        f"{bought.rate:,.0f}",
        ms(bought.p50),
        ms(bought.p99),
        ms(bought.cpu.services),
        ms(bought.cpu.postgres),
        ms(bought.cpu.total),
        f"{bought.commits:.1f}",
        f"{bought.wal_bytes / 1024:.0f}",
    )
