"""A flash sale."""

from __future__ import annotations

from collections.abc import Iterator

from bench.baseline import COMMIT
from bench.flash import Flash, Sale
from bench.page import both, table


def section(flash: Flash) -> Iterator[str]:
    yield "## A flash sale"
    yield (
        f"{flash.buyers:,} buyers at once for {flash.pieces:,} pieces of one SKU. Exactly {flash.pieces:,} orders "
        "stand afterwards; everybody else was told that there is nothing left."
    )
    rows = [_row("today", flash.today)]
    if flash.baseline is not None:
        rows.append(_row(COMMIT, flash.baseline))
    if flash.ratio is not None:
        rows.append(("ratio", f"{flash.ratio:.2f}", "", ""))
    yield table(("", "all answered after, s", "a buyer's wait, p50 / p99 ms", "told to come again, times"), rows)


def _row(who: str, sale: Sale) -> tuple[str, ...]:
    return who, f"{sale.seconds:.2f}", both(sale.p50, sale.p99), f"{sale.again:,.0f}"
