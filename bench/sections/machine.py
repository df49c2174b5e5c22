"""What the machine did meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.page import table
from bench.probe import Probe


def section(probes: Sequence[Probe]) -> Iterator[str]:
    yield "## The machine during the run"
    yield table(
        ("", "Python loop ms", "fdatasync µs"),
        [(each.when, f"{each.python_seconds * 1e3:.0f}", f"{each.sync_seconds * 1e6:.0f}") for each in probes],
    )
