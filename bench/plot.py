"""Draws what was measured: docs/bench.svg. Pairs of colors that everybody can tell apart, and numbers on every bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.hot_sku import HotSku
from bench.orders import Orders
from bench.reads import Read
from bench.report import ORDERS_TARGET, Results
from bench.topologies import Shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: distinct for color-blind readers and in print.
STOA = "#0072B2"
BESIDE = "#BBBBBB"
POSTGRES = "#E69F00"
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
        figure = Figure(figsize=(10, 7), layout="constrained")
        panels = figure.subplots(2, 2)
        _reads(panels[0][0], results.reads)
        if results.orders is not None:
            _orders(panels[0][1], results.orders)
        if results.hot_sku is not None:
            _hot_sku(panels[1][0], results.hot_sku)
        _shapes(panels[1][1], results.shapes)
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
    for place, level in enumerate(orders.levels):
        _bar(axes, place - 0.2, level.shop.rate, STOA, f"{level.shop.rate:,.0f}")
        _bar(axes, place + 0.2, level.pgbench.rate, BESIDE, f"{level.pgbench.rate:,.0f}")
        _target(axes, place - 0.2, ORDERS_TARGET * level.pgbench.rate)
    labels = [f"{level.concurrency} at once\n{level.ratio:.0%}" for level in orders.levels]
    axes.set_xticks(range(len(labels)), labels)
    _legend(axes, ("through the gateway", STOA), ("pgbench, the same SQL", BESIDE), ("target", TARGET))


def _hot_sku(axes: Axes, hot: HotSku) -> None:
    axes.set_title(f"Orders per second, {hot.concurrency} at once")
    _bar(axes, 0, hot.hot.rate, STOA, f"{hot.hot.rate:,.0f}", width=0.5)
    _bar(axes, 1, hot.spread.rate, BESIDE, f"{hot.spread.rate:,.0f}", width=0.5)
    axes.margins(x=0.2, y=0.15)
    axes.set_xticks((0, 1), (f"all on one SKU\n{hot.ratio:.0%}", "spread over 200"))


def _shapes(axes: Axes, shapes: Sequence[Shape]) -> None:
    axes.set_title("CPU per order with its cart, ms")
    for place, shape in enumerate(shapes):
        cpu = shape.journey.cpu
        _bar(axes, place, cpu.services * 1e3, STOA, f"{cpu.services * 1e3:.1f}", width=0.5, inside=True)
        axes.bar(place, cpu.postgres * 1e3, 0.5, bottom=cpu.services * 1e3, color=POSTGRES)
        axes.annotate(
            f"{cpu.total * 1e3:.1f}", (place, cpu.total * 1e3), (0, 2), textcoords="offset points", ha="center"
        )
    labels = [
        f"{shape.name}\n{shape.after_orders.pss:.0f} MiB, p50 {shape.journey.p50 * 1e3:.0f} ms" for shape in shapes
    ]
    axes.set_xticks(range(len(shapes)), labels)
    _legend(axes, ("services", STOA), ("PostgreSQL", POSTGRES))


def _bar(
    axes: Axes, place: float, height: float, color: str, label: str, *, width: float = 0.38, inside: bool = False
) -> None:
    axes.bar(place, height, width, color=color)
    offset, color = ((0, -12), "white") if inside else ((0, 2), "black")
    axes.annotate(label, (place, height), offset, textcoords="offset points", ha="center", color=color, fontsize=8)


def _target(axes: Axes, place: float, height: float) -> None:
    axes.hlines(height, place - 0.22, place + 0.22, color=TARGET, linewidth=2)


def _legend(axes: Axes, *entries: tuple[str, str]) -> None:
    for label, color in entries:
        axes.bar(0, 0, color=color, label=label)
    axes.margins(y=0.25)
    axes.legend(frameon=False, fontsize=8, ncols=len(entries), loc="upper left")
