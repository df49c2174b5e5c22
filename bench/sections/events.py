"""From an event's commit to its effect's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.baseline import COMMIT
from bench.events import Case, Effects
from bench.page import Target, both, ms, table

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
        (
            case.what,
            f"{case.today.count:,}",
            _figures(case.today),
            _figures(case.baseline) if case.baseline else "",
            _figures(case.least),
        )
        for case in cases
    ]
    yield table(("", "effects", "today, ms", f"{COMMIT}, ms", "two commits alone, ms"), rows)
    alone = cases[0]
    yield (
        "Beside it stand two commits in two databases of the same server, one statement each, by a process that does "
        "nothing else: less is not possible where each service keeps its own data and waits for the disk. "
        f"{ms(alone.least.p50)} of {ms(alone.today.p50)} ms at the median are that, where an event comes alone. The "
        "rest is the announcer's process, which reads the answer to its commit, hands the event to each hearer and has "
        "whoever waited for the act answered meanwhile; and that a hearer's statement looks up more: whether the event "
        "is new, and whether something of its subject waits. The longest in a hundred are those that wait for the "
        f"disk: of the two commits alone they are {ms(alone.least.p99)} ms."
    )


def _figures(effects: Effects) -> str:
    return both(effects.p50, effects.p99)
