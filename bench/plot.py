"""Draws what was measured: docs/bench.svg. Pairs of colors that everybody can tell apart, and numbers on every bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.baseline import COMMIT
from bench.hot_sku import HotSku
from bench.limit import Beside
from bench.orders import Orders
from bench.reads import Read
from bench.report import Results
from bench.sections.limit import TARGET as LIMIT_TARGET
from bench.sections.orders import RATE
from bench.topologies import Shape
from bench.usage import Cpu

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: distinct for color-blind readers and in print.
STOA = "#0072B2"
BESIDE = "#BBBBBB"
POSTGRES = "#E69F00"
ONE_PIECE = "#009E73"
TARGET = "#D55E00"
STYLE: dict[str, object] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    # Words stay words, and the same figures give the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "stoa",
}


def draw(results: Results, path: Path) -> None:
    """One picture with a panel for each part that was measured."""
    with mpl.rc_context(cast("Any", STYLE)):
        figure = Figure(figsize=(10, 10), layout="constrained")
        panels = figure.subplots(3, 2)
        if results.orders is not None:
            _orders(panels[0][0], results.orders)
            _cpu(panels[0][1], results.orders)
        _limit(panels[1][0], results.limit)
        _reads(panels[1][1], results.reads)
        _hot_sku(panels[2][0], results.hot_sku)
        _shapes(panels[2][1], results.shapes)
        figure.savefig(path, metadata={"Date": None})


def _reads(axes: Axes, found: Sequence[Read]) -> None:
    axes.set_title("Reads per second")
    reads = [read for read in found if read.question.is_plain]
    for place, read in enumerate(reads):
        _bar(axes, place - 0.2, read.gateway.rate, STOA, f"{read.gateway.rate:,.0f}")
        _bar(axes, place + 0.2, read.bare.rate, BESIDE, f"{read.bare.rate:,.0f}")
        _target(axes, place - 0.2, read.question.target * read.bare.rate)
    labels = [f"{read.question.name}\n{read.ratio:.0%}".replace(" of ", "\nof ") for read in reads]
    axes.set_xticks(range(len(reads)), labels)
    _legend(axes, ("through the gateway", STOA), ("bare ASGI app", BESIDE), ("target", TARGET))


def _orders(axes: Axes, orders: Orders) -> None:
    axes.set_title("Orders per second, all their events included")
    labels = []
    for place, level in enumerate(orders.levels):
        labels.append(f"{level.concurrency} at once")
        _bar(axes, place - 0.2, level.today.rate, STOA, f"{level.today.rate:,.0f}")
        if level.baseline is not None and level.ratios is not None:
            _bar(axes, place + 0.2, level.baseline.rate, BESIDE, f"{level.baseline.rate:,.0f}")
            _target(axes, place - 0.2, RATE.get(level.concurrency, 1.0) * level.baseline.rate)
            labels[-1] += f"\n{level.ratios.rate:.2f} ×"
    axes.set_xticks(range(len(labels)), labels)
    _legend(axes, ("today", STOA), (COMMIT, BESIDE), ("target", TARGET))


def _cpu(axes: Axes, orders: Orders) -> None:
    axes.set_title("CPU per order, ms: today, and in gray before")
    labels = []
    for place, level in enumerate(orders.levels):
        labels.append(f"{level.concurrency} at once")
        _stack(axes, place - 0.2, level.today.cpu, 0.38)
        if level.baseline is not None and level.ratios is not None:
            total = level.baseline.cpu.total * 1e3
            _bar(axes, place + 0.2, total, BESIDE, f"{total:.1f}")
            labels[-1] += f"\n{level.ratios.cpu:.2f} ×"
    axes.set_xticks(range(len(labels)), labels)
    _legend(axes, ("services", STOA), ("PostgreSQL", POSTGRES), (COMMIT, BESIDE))


def _limit(axes: Axes, levels: Sequence[Beside]) -> None:
    axes.set_title("Orders per second beside the database alone")
    for place, level in enumerate(levels):
        sides = ((level.shop.rate, STOA), (level.pgbench.rate, BESIDE), (level.monolith.rate, ONE_PIECE))
        for number, (rate, color) in enumerate(sides):
            _bar(axes, place + 0.28 * (number - 1), rate, color, f"{rate:,.0f}", width=0.26)
        _target(axes, place - 0.28, LIMIT_TARGET * level.pgbench.rate)
    axes.set_yscale("log")
    axes.set_xticks(range(len(levels)), [f"{level.concurrency} at once" for level in levels])
    _legend(axes, ("Stoa", STOA), ("the same SQL", BESIDE), ("one transaction", ONE_PIECE), ("target", TARGET))


def _hot_sku(axes: Axes, crowds: Sequence[HotSku]) -> None:
    axes.set_title("Orders per second, all on one SKU")
    for place, each in enumerate(crowds):
        _bar(axes, place - 0.2, each.hot.rate, STOA, f"{each.hot.rate:,.0f}")
        _bar(axes, place + 0.2, each.spread.rate, BESIDE, f"{each.spread.rate:,.0f}")
    axes.set_xticks(range(len(crowds)), [f"{each.concurrency} at once\n{each.ratio:.0%}" for each in crowds])
    _legend(axes, ("all on one SKU", STOA), ("spread over 200", BESIDE))


def _shapes(axes: Axes, shapes: Sequence[Shape]) -> None:
    axes.set_title("CPU per order with its cart, ms")
    for place, shape in enumerate(shapes):
        _stack(axes, place, shape.journey.cpu, 0.5)
    labels = [
        f"{shape.name}\n{shape.after_orders.pss:.0f} MiB, p50 {shape.journey.p50 * 1e3:.0f} ms" for shape in shapes
    ]
    axes.set_xticks(range(len(shapes)), labels)
    _legend(axes, ("services", STOA), ("PostgreSQL", POSTGRES))


def _bar(axes: Axes, place: float, height: float, color: str, label: str, *, width: float = 0.38) -> None:
    axes.bar(place, height, width, color=color)
    axes.annotate(label, (place, height), (0, 2), textcoords="offset points", ha="center", fontsize=8)


def _stack(axes: Axes, place: float, cpu: Cpu, width: float) -> None:
    """What the services took, and on it the database; the sum stands on top."""
    axes.bar(place, cpu.services * 1e3, width, color=STOA)
    axes.bar(place, cpu.postgres * 1e3, width, bottom=cpu.services * 1e3, color=POSTGRES)
    total = cpu.total * 1e3
    axes.annotate(f"{total:.1f}", (place, total), (0, 2), textcoords="offset points", ha="center", fontsize=8)


def _target(axes: Axes, place: float, height: float) -> None:
    axes.hlines(height, place - 0.22, place + 0.22, color=TARGET, linewidth=2)


def _legend(axes: Axes, *entries: tuple[str, str]) -> None:
    for label, color in entries:
        axes.bar(0, 0, color=color, label=label)
    axes.margins(y=0.25)
    axes.legend(frameon=False, fontsize=8, ncols=len(entries), loc="upper left")
