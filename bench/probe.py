"""The probe: two loops that know nothing of Stoa, run before, between and after everything else.

On a machine that others share the same work takes twice as long from one minute to the next. When the
probe moved, the absolute numbers of that run say less than their ratios.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOOP_STEPS = 2_000_000
SYNCS = 200
CALM = 1.25
"""Up to this ratio of the slowest probe to the fastest the machine counts as steady."""


@dataclass(frozen=True)
class Probe:
    """`python_seconds` for a fixed loop; `sync_seconds` for one fdatasync of 8 KiB, as a commit does it."""

    when: str
    python_seconds: float
    sync_seconds: float


def probe(when: str, folder: Path) -> Probe:
    """Half a second of work; `folder` is on the disk that the database uses."""
    started = time.perf_counter()
    total = 0
    for step in range(LOOP_STEPS):
        total += step & 3
    python_seconds = time.perf_counter() - started
    syncs = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            os.pwrite(file.fileno(), b"\0" * 8192, 0)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            syncs.append(time.perf_counter() - started)
    return Probe(when, python_seconds, statistics.median(syncs))


def drift(values: Sequence[float]) -> float:
    """How many times slower the slowest was than the fastest; 1 of fewer than two."""
    return max(values) / min(values) if len(values) > 1 else 1.0


def verdict(probes: Sequence[Probe]) -> str:
    """One sentence: whether absolute numbers of this run can be believed."""
    loop = drift([one.python_seconds for one in probes])
    sync = drift([one.sync_seconds for one in probes])
    if max(loop, sync) <= CALM:
        return f"The machine was steady (the probes varied {loop:.2f} and {sync:.2f} times)."
    return (
        f"**The machine drifted** (the Python loop varied {loop:.2f} times, fdatasync {sync:.2f} times): "
        "believe the ratios more than the numbers."
    )
