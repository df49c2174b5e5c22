"""From an event's commit to its effect's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.baseline import COMMIT
from bench.events import Case, Effects
from bench.page import Target, both, table

P50_SECONDS = 0.002
P99_SECONDS = 0.015


def targets(cases: Sequence[Case]) -> Iterator[Target]:
    for case in cases:
        yield Target(
            f"Event to effect: {case.what[:1].lower()}{case.what[1:]}",
            f"{_figures(case.today)} ms",
            f"{COMMIT} {_figures(case.baseline)} ms" if case.baseline else "",
            f"≤ {P50_SECONDS * 1e3:.0f} / {P99_SECONDS * 1e3:.0f} ms",
            case.today.p50 <= P50_SECONDS and case.today.p99 <= P99_SECONDS,
        )


def section(cases: Sequence[Case]) -> Iterator[str]:
    yield "## From an event to its effect"
    yield "From the commit that announces it to the commit of what a hearer does, as PostgreSQL noted both; p50 / p99."
    rows = [
        (case.what, f"{case.today.count:,}", _figures(case.today), _figures(case.baseline) if case.baseline else "")
        for case in cases
    ]
    yield table(("", "effects", "today, ms", f"{COMMIT}, ms"), rows)


def _figures(effects: Effects) -> str:
    return both(effects.p50, effects.p99)
