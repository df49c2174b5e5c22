"""Reservations over inventory's rpc."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.page import Target, both, ms, table
from bench.pgbench import Result
from bench.reservations import Level
from bench.sections.hot_sku import TARGET as HOT
from bench.sections.limit import TARGET as BESIDE


def targets(levels: Sequence[Level]) -> Iterator[Target]:
    for level in levels:
        at_once = f"{level.concurrency} at once"
        yield Target(
            f"Reservations beside the same SQL, {at_once}",
            f"{level.spread.reserved.rate:,.0f}/s",
            f"pgbench {level.pgbench_spread.rate:,.0f}/s, ratio {level.beside_spread:.0%}",
            f"≥ {BESIDE:.0%}",
            level.beside_spread >= BESIDE,
        )
        yield Target(
            f"Reservations of one SKU, {at_once}",
            f"{level.hot.reserved.rate:,.0f}/s",
            f"spread {level.spread.reserved.rate:,.0f}/s, ratio {level.ratio:.2f}",
            f"≥ {HOT:.2f}",
            level.ratio >= HOT,
        )


def section(levels: Sequence[Level]) -> Iterator[str]:
    yield "## Reservations"
    yield (
        "`Reserve` of inventory over gRPC, one piece each, then `Release` of each; and pgbench with the statements of "
        "one `Reserve`, which commits each alone. CPU is of the services and PostgreSQL, for one reservation."
    )
    head = ("at once", "", "per second", "p50 / p99 ms", "CPU ms", "released per second")
    rows = []
    for level in levels:
        for name, side in (("one SKU", level.hot), ("200 SKUs", level.spread)):
            at_once = f"{level.concurrency}" if side is level.hot else ""
            rows.append((at_once, name, *_figures(side.reserved), ms(side.cpu), f"{side.released.rate:,.0f}"))
        ours = (
            ("one SKU", level.pgbench_hot, level.beside_hot),
            ("200 SKUs", level.pgbench_spread, level.beside_spread),
        )
        for name, result, ratio in ours:
            rows.append(("", f"{name}, the same SQL (ratio {ratio:.0%})", *_figures(result), "", ""))
    yield table(head, rows)


def _figures(result: Result) -> tuple[str, str]:
    return f"{result.rate:,.0f}", both(result.p50, result.p99)
