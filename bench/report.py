"""Writes down what was measured: docs/bench.md, each figure with its comparison and its target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.hot_sku import HotSku
from bench.orders import Orders
from bench.probe import Probe, verdict
from bench.reads import Read
from bench.topologies import CUSTOMERS, Shape

ORDERS_TARGET = 0.25
FRESH_START_SECONDS = 10.0
OLD_START_SECONDS = 3.0
MEMORY_MIB = 300.0

COMMAND = "make bench"


@dataclass
class Results:
    """What one run found; a part that was not measured is empty."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    orders: Orders | None = None
    hot_sku: HotSku | None = None
    shapes: list[Shape] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """A promise and what came of it."""

    what: str
    measured: str
    beside: str
    target: str
    met: bool


def document(results: Results) -> str:
    """The whole page."""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    head = [
        "# Bench",
        f"Measured on {date} by `{COMMAND}`, in one run, each figure in turns with its comparison. "
        "Do not edit: run it again.",
        "![The same figures drawn](bench.svg)",
        _table(("", ""), results.facts, of_figures=False),
    ]
    method = (Path(__file__).parent / "method.md").read_text().strip()
    return "\n\n".join([*head, body(results), method]) + "\n"


def body(results: Results) -> str:
    """The tables, without head and method."""
    parts = [
        "## Targets",
        _table(
            ("what", "Stoa", "beside", "target", "met"),
            [
                (each.what, each.measured, each.beside, each.target, "yes" if each.met else "**no**")
                for each in targets(results)
            ],
        ),
        verdict(results.probes),
    ]
    parts += _reads(results.reads) if results.reads else []
    parts += _orders(results.orders) if results.orders else []
    parts += _hot_sku(results.hot_sku) if results.hot_sku else []
    parts += _shapes(results.shapes) if results.shapes else []
    parts += _probes(results.probes)
    return "\n\n".join(parts)


def targets(results: Results) -> Iterator[Target]:
    """The first targets of the project, as far as they were measured."""
    for read in results.reads:
        yield Target(
            read.question.name,
            f"{read.gateway.rate:,.0f}/s",
            f"bare ASGI app {read.bare.rate:,.0f}/s, ratio {read.ratio:.0%}",
            f"≥ {read.question.target:.0%}",
            read.ratio >= read.question.target,
        )
    for level in results.orders.levels if results.orders else []:
        yield Target(
            f"Orders, {level.concurrency} at once",
            f"{level.shop.rate:,.0f}/s",
            f"pgbench {level.pgbench.rate:,.0f}/s, ratio {level.ratio:.0%}",
            f"≥ {ORDERS_TARGET:.0%}",
            level.ratio >= ORDERS_TARGET,
        )
    for shape in results.shapes[:1]:
        yield Target(
            "First page, fresh data directory",
            f"{shape.fresh_start:.1f} s",
            "",
            f"≤ {FRESH_START_SECONDS:.0f} s",
            shape.fresh_start <= FRESH_START_SECONDS,
        )
        yield Target(
            "First page, old data directory",
            f"{shape.old_start:.1f} s",
            "",
            f"≤ {OLD_START_SECONDS:.0f} s",
            shape.old_start <= OLD_START_SECONDS,
        )
        for when, memory in (("after the start", shape.at_rest), ("after orders", shape.after_orders)):
            yield Target(
                f"Memory of {shape.name} {when}",
                f"{memory.pss:.0f} MiB",
                f"{memory.postgres_pss:.0f} of them PostgreSQL",
                f"< {MEMORY_MIB:.0f} MiB",
                memory.pss < MEMORY_MIB,
            )


def _reads(reads: Sequence[Read]) -> Iterator[str]:
    yield "## Reads"
    yield (
        "Through the gateway, and the same bytes and headers from a bare ASGI app on the same server. CPU is per "
        "request, of the server process and of PostgreSQL."
    )
    rows = []
    for read in reads:
        for who, side in (("gateway", read.gateway), ("bare", read.bare)):
            rows.append(
                (
                    f"{read.question.name}, {read.body_bytes:,} bytes" if who == "gateway" else "",
                    who,
                    f"{side.rate:,.0f}",
                    _ms(side.p50),
                    _ms(side.p99),
                    f"{side.cpu * 1e6:.0f}",
                    f"{side.database * 1e6:.0f}",
                    f"{read.ratio:.0%}" if who == "gateway" else "",
                )
            )
    yield _table(("", "", "per second", "p50 ms", "p99 ms", "CPU µs", "PostgreSQL µs", "ratio of rates"), rows)
    yield "\n".join(f"* {read.question.name}: {read.question}" for read in reads)


def _orders(orders: Orders) -> Iterator[str]:
    yield "## Orders"
    yield (
        f"One order, alone, is {orders.statements} statements in {orders.transactions} transactions over "
        f"{orders.databases} databases, with all that its events cause; pgbench runs exactly these. CPU, commits and "
        "WAL are per order of ours: they fall as more orders come at once, because those are committed together."
    )
    rows = [
        (
            str(level.concurrency),
            f"{level.shop.rate:,.0f}",
            _ms(level.shop.p50),
            _ms(level.shop.p99),
            _ms(level.shop.cpu.services),
            _ms(level.shop.cpu.postgres),
            f"{level.shop.commits:.1f}",
            f"{level.shop.wal_bytes / 1024:.0f}",
            f"{level.pgbench.rate:,.0f}",
            _ms(level.pgbench.p50),
            _ms(level.pgbench.p99),
            f"{level.ratio:.0%}",
        )
        for level in orders.levels
    ]
    yield _table(
        (
            "at once",
            "orders/s",
            "p50 ms",
            "p99 ms",
            "CPU ms services",
            "CPU ms PostgreSQL",
            "writing commits",
            "WAL KiB",
            "pgbench orders/s",
            "p50 ms",
            "p99 ms",
            "ratio of rates",
        ),
        rows,
    )


def _hot_sku(hot: HotSku) -> Iterator[str]:
    yield "## One hot SKU"
    rows = [
        (
            name,
            f"{side.rate:,.0f}",
            _ms(side.p50),
            _ms(side.p99),
            _ms(side.cpu.total),
            f"{side.commits:.1f}",
            ratio,
        )
        for name, side, ratio in (
            (f"every order on one SKU, {hot.concurrency} at once", hot.hot, f"{hot.ratio:.0%}"),
            ("the same spread over 200 SKUs", hot.spread, ""),
        )
    ]
    yield _table(("", "orders/s", "p50 ms", "p99 ms", "CPU ms", "writing commits", "ratio of rates"), rows)


def _shapes(shapes: Sequence[Shape]) -> Iterator[str]:
    yield "## Topologies"
    yield (
        f"{CUSTOMERS} customers register once, then fill the cart and order, again and again. CPU is of all processes, "
        "per order with its cart and events."
    )
    rows: list[tuple[str, ...]] = [
        ("orders/s", *(f"{each.journey.rate:,.0f}" for each in shapes)),
        ("cart and order, p50 / p99 ms", *(_both(each.journey.p50, each.journey.p99) for each in shapes)),
        ("order alone, p50 / p99 ms", *(_both(each.journey.order_p50, each.journey.order_p99) for each in shapes)),
        ("CPU ms, services", *(_ms(each.journey.cpu.services) for each in shapes)),
        ("CPU ms, with PostgreSQL", *(_ms(each.journey.cpu.total) for each in shapes)),
        ("first page, fresh data directory, s", *(f"{each.fresh_start:.2f}" for each in shapes)),
        ("first page, old data directory, s", *(f"{each.old_start:.2f}" for each in shapes)),
        ("memory after the start, MiB PSS (PostgreSQL)", *(_memory(each) for each in shapes)),
        (
            "memory after orders, MiB PSS (PostgreSQL)",
            *(f"{each.after_orders.pss:.0f} ({each.after_orders.postgres_pss:.0f})" for each in shapes),
        ),
        ("the same as sum of RSS", *(f"{each.after_orders.rss:.0f}" for each in shapes)),
    ]
    yield _table(("", *(each.name for each in shapes)), rows)


def _probes(probes: Sequence[Probe]) -> Iterator[str]:
    yield "## The machine during the run"
    yield _table(
        ("", "Python loop ms", "fdatasync µs"),
        [(each.when, f"{each.python_seconds * 1e3:.0f}", f"{each.sync_seconds * 1e6:.0f}") for each in probes],
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}" if seconds < 0.1 else f"{seconds * 1e3:,.0f}"


def _both(p50: float, p99: float) -> str:
    return f"{_ms(p50)} / {_ms(p99)}"


def _memory(shape: Shape) -> str:
    return f"{shape.at_rest.pss:.0f} ({shape.at_rest.postgres_pss:.0f})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, of_figures: bool = True) -> str:
    """GitHub's Markdown; figures stand on the right."""
    lines = [_row(head), _row(["---", *("---:" if of_figures else "---" for _ in head[1:])])]
    return "\n".join([*lines, *(_row(each) for each in rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
