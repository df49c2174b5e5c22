"""The whole bench, quickly: every part runs against a real shop and prints its table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_quick_run_measures_every_part_and_keeps_nothing():
    page = ROOT / "docs" / "bench.md"
    before = page.read_bytes() if page.exists() else None
    run = subprocess.run(
        [sys.executable, "-m", "bench", "--quick"], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    for heading in ("## Targets", "## Reads", "## Orders", "## One hot SKU", "## Topologies"):
        assert heading in run.stdout
    assert (page.read_bytes() if page.exists() else None) == before
    assert not list((ROOT / "build").glob("bench-*"))


def test_an_unknown_part_is_refused():
    run = subprocess.run(
        [sys.executable, "-m", "bench", "writes"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "'writes' is not one of reads, orders, hot, topologies" in run.stderr
