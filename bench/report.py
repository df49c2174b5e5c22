"""Writes down what was measured: docs/bench.md, each figure with its comparison and its target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.baseline import COMMIT
from bench.catalog import Catalog
from bench.events import Case
from bench.flash import Flash
from bench.hot_sku import HotSku
from bench.limit import Beside
from bench.million import Million
from bench.orders import Orders
from bench.page import Target, table
from bench.probe import Probe, verdict
from bench.reads import Read
from bench.reservations import Level
from bench.search import Size
from bench.sections import (
    catalog,
    events,
    flash,
    hot_sku,
    left,
    limit,
    machine,
    million,
    orders,
    reads,
    reservations,
    search,
    topologies,
)
from bench.topologies import Shape

COMMAND = "make bench"


@dataclass
class Results:
    """What one run found; a part that was not measured is empty."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    orders: Orders | None = None
    limit: list[Beside] = field(default_factory=list)
    hot_sku: list[HotSku] = field(default_factory=list)
    flash: Flash | None = None
    events: list[Case] = field(default_factory=list)
    flame: str = ""
    """A picture, as SVG."""
    million: Million | None = None
    search: list[Size] = field(default_factory=list)
    catalog: Catalog | None = None
    reservations: list[Level] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)


def document(results: Results, commits: str) -> str:
    """The whole page, of what was measured of these."""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    head = [
        "# Bench",
        f"Measured on {date} by `{COMMAND}`, each part in one run, each figure in turns with its comparison. "
        "Do not edit: run it again.",
        "![The same figures drawn](bench.svg)",
        "Where the time of [one order](order.svg) goes in the process that serves it, as a flame graph.",
        table(("", ""), [*results.facts, ("Stoa", commits)], of_figures=False),
    ]
    method = (Path(__file__).parent / "method.md").read_text().strip()
    return "\n\n".join([*head, body(results), method]) + "\n"


def body(results: Results) -> str:
    """The tables, without head and method."""
    parts = [
        "## Targets",
        table(
            ("what", "Stoa", "beside", "target", "met"),
            [
                (each.what, each.measured, each.beside, each.target, "yes" if each.met else "**no**")
                for each in targets(results)
            ],
        ),
        verdict(results.probes),
    ]
    if results.orders and results.orders.baseline:
        parts.append(
            f"`{COMMIT}` is an earlier commit of Stoa, in turns with today's. A ratio is today's figure by its."
        )
    parts += reads.section(results.reads) if results.reads else []
    parts += orders.section(results.orders) if results.orders else []
    parts += limit.section(results.limit) if results.limit else []
    if results.orders and results.limit:
        parts += left.section(results.orders, results.limit, results.reads)
    parts += hot_sku.section(results.hot_sku) if results.hot_sku else []
    parts += flash.section(results.flash) if results.flash else []
    parts += events.section(results.events) if results.events else []
    parts += million.section(results.million) if results.million else []
    parts += search.section(results.search) if results.search else []
    parts += catalog.section(results.catalog) if results.catalog else []
    parts += reservations.section(results.reservations) if results.reservations else []
    parts += topologies.section(results.shapes) if results.shapes else []
    parts += machine.section(results.probes)
    return "\n\n".join(parts)


def targets(results: Results) -> Iterator[Target]:
    """What was promised, as far as it was measured."""
    yield from reads.targets(results.reads)
    if results.orders:
        yield from orders.targets(results.orders)
    yield from limit.targets(results.limit)
    yield from hot_sku.targets(results.hot_sku)
    yield from events.targets(results.events)
    if results.million:
        yield from million.targets(results.million)
    yield from search.targets(results.search)
    if results.catalog:
        yield from catalog.targets(results.catalog)
    yield from reservations.targets(results.reservations)
    yield from topologies.targets(results.shapes)
