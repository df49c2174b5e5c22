"""Every order on one SKU, beside the same orders spread over many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.hot_sku import HotSku
from bench.page import Target, ms, table

TARGET = 0.9


def targets(crowds: Sequence[HotSku]) -> Iterator[Target]:
    for each in crowds:
        yield Target(
            f"One hot SKU, {each.concurrency} at once",
            f"{each.hot.rate:,.0f}/s",
            f"spread {each.spread.rate:,.0f}/s, ratio {each.ratio:.2f}",
            f"≥ {TARGET:.2f}",
            each.ratio >= TARGET,
        )


def section(crowds: Sequence[HotSku]) -> Iterator[str]:
    yield "## One hot SKU"
    rows = [
        (
            name,
            f"{side.rate:,.0f}",
            ms(side.p50),
            ms(side.p99),
            ms(side.cpu.total),
            f"{side.commits:.1f}",
            ratio,
        )
        for each in crowds
        for name, side, ratio in (
            (f"every order on one SKU, {each.concurrency} at once", each.hot, f"{each.ratio:.2f}"),
            ("the same spread over 200 SKUs", each.spread, ""),
        )
    ]
    yield table(("", "orders/s", "p50 ms", "p99 ms", "CPU ms", "writing commits", "ratio of rates"), rows)
