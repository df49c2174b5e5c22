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
        "stand afterwards; everybody else was told of which SKU there is nothing left."
    )
    rows = [_row("today", flash.today)]
    if flash.baseline is not None:
        rows.append(_row(COMMIT, flash.baseline))
    if flash.ratio is not None:
        rows.append(("ratio", f"{flash.ratio:.2f}", "", "", ""))
    head = ("", "all answered after, s", "with an order, p50 / p99 ms", "too late, p50 / p99 ms", "told to come again")
    yield table(head, rows)


def _row(who: str, sale: Sale) -> tuple[str, ...]:
    waits = [both(each.p50, each.p99) for each in (sale.served, sale.too_late)]
    return who, f"{sale.seconds:.2f}", *waits, f"{sale.again:,.0f}"
