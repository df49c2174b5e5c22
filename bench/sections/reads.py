"""Reads beside the bare app."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.page import Target, ms, table
from bench.reads import Read


def targets(reads: Sequence[Read]) -> Iterator[Target]:
    for read in reads:
        yield Target(
            read.question.name,
            f"{read.gateway.rate:,.0f}/s",
            f"bare ASGI app {read.bare.rate:,.0f}/s, ratio {read.ratio:.0%}",
            f"≥ {read.question.target:.0%}",
            read.ratio >= read.question.target,
        )


def section(reads: Sequence[Read]) -> Iterator[str]:
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
                    ms(side.p50),
                    ms(side.p99),
                    f"{side.cpu * 1e6:.0f}",
                    f"{side.database * 1e6:.0f}",
                    f"{read.ratio:.0%}" if who == "gateway" else "",
                )
            )
    yield table(("", "", "per second", "p50 ms", "p99 ms", "CPU µs", "PostgreSQL µs", "ratio of rates"), rows)
    yield "\n".join(f"* {read.question.name}: {read.question}" for read in reads)
