"""Search in ever larger shops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.page import Target, table
from bench.search import AT_ONCE, Size, Took

P50_SECONDS = 0.002
P99_SECONDS = 0.008
FRESH_SECONDS = 1.0


def targets(sizes: Sequence[Size]) -> Iterator[Target]:
    """Of the largest."""
    if not sizes:
        return
    largest = sizes[-1]
    of = f"of {largest.products:,} products"
    for kind in largest.kinds:
        yield Target(
            f"Search {of}: {kind.what[:1].lower()}{kind.what[1:]}",
            f"{_both(kind.service)} ms",
            f"tantivy alone {_both(kind.plain)} ms" if kind.plain else "",
            f"≤ {P50_SECONDS * 1e3:.0f} / {P99_SECONDS * 1e3:.0f} ms",
            kind.service.p50 <= P50_SECONDS and kind.service.p99 <= P99_SECONDS,
        )
    yield Target(
        f"Written to found, in a search {of}",
        f"{largest.fresh_p50:.2f} s, at most {largest.fresh_most:.2f} s",
        "",
        f"≤ {FRESH_SECONDS:.0f} s",
        largest.fresh_most <= FRESH_SECONDS,
    )


def section(sizes: Sequence[Size]) -> Iterator[str]:
    first, last = sizes[0], sizes[-1]
    yield "## Search"
    yield (
        "In shops of ever more products. The index is made of the documents by a shop that starts without one, beside "
        "a plain index of the same names and descriptions that tantivy makes alone; ours has what is shown of each "
        "product as well. Written to found is from the answer to `POST /products` until a search through the "
        "gateway has the product."
    )
    head = ("products", "index made, s", "products/s", "alone, /s", "index, MB", "alone, MB", "databases, MB")
    yield table(
        (*head, "written to found, p50 / most, ms"),
        [
            (
                f"{each.products:,}",
                f"{each.made.seconds:,.1f}",
                f"{each.products / each.made.seconds:,.0f}",
                f"{each.products / each.plain.seconds:,.0f}",
                f"{each.made.size_bytes / 1e6:,.0f}",
                f"{each.plain.size_bytes / 1e6:,.0f}",
                f"{each.database_bytes / 1e6:,.0f}",
                f"{each.fresh_p50 * 1e3:,.0f} / {each.fresh_most * 1e3:,.0f}",
            )
            for each in sizes
        ],
    )
    yield (
        "Questions, p50 / p99 in ms, one after another: in the service, through the gateway, and of tantivy alone, "
        "which finds the same words and counts brands and categories. CPU is of one question, in the service."
    )
    rows = [
        (
            kind.what if each is first else "",
            f"{each.products:,}",
            _both(kind.service),
            f"{kind.cpu * 1e3:.2f}",
            _both(kind.gateway),
            f"{kind.rate:,.0f}",
            _both(kind.plain) if kind.plain else "",
        )
        for of_a_kind in zip(*(each.kinds for each in sizes), strict=True)
        for each, kind in zip(sizes, of_a_kind, strict=True)
    ]
    yield table(
        (
            "",
            "products",
            "in the service",
            "CPU ms",
            "through the gateway",
            f"per second, {AT_ONCE} at once",
            "tantivy alone",
        ),
        rows,
    )
    if first is not last:
        grown = [
            f"{kind.what[:1].lower()}{kind.what[1:]} {kind.service.p50 / small.service.p50:.1f} times"
            for small, kind in zip(first.kinds, last.kinds, strict=True)
        ]
        yield (
            f"With {last.products / first.products:,.0f} times the products the median in the service is: "
            f"{'; '.join(grown)}."
        )


def _both(took: Took) -> str:
    return f"{took.p50 * 1e3:.2f} / {took.p99 * 1e3:.2f}"
