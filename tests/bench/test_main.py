"""The command of the bench; `.ci/run` has it measure every part, quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_an_unknown_part_is_refused():
    run = subprocess.run(
        [sys.executable, "-m", "bench", "writes"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    parts = "reads, orders, limit, hot, flash, flame, events, million, search, catalog, reservations, topologies"
    assert f"'writes' is not one of {parts}" in run.stderr
