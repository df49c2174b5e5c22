"""Run every check, two at a time, whatever the others find, and say at the end which failed and what they said."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
AT_ONCE = 2

# The longest first: the short ones fill what is left beside them.
CHECKS: Mapping[str, Sequence[str]] = {
    "types": ("mypy",),
    # What its assertions are made into is kept, and each lane of the tests begins with it.
    "tests are found": ("python", "-m", "pytest", "--collect-only", "-qq"),
    "types of the tools": ("mypy", "--cache-dir=.mypy_cache/tools", "tools"),
    "import walls": ("lint-imports",),
    "contracts are fresh": ("python", "tools/contracts.py", "--check"),
    "contracts are compatible": ("buf", "breaking", "--against", "proto/released.binpb"),
    "contracts are well written": ("buf", "lint"),
    "lint": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "who calls whom is fresh": ("python", "tools/edges.py", "--check"),
    "settings are fresh": ("python", "tools/settings.py", "--check"),
    "permissions are fresh": ("python", "tools/permissions.py", "--check"),
    "services are fresh": ("python", "tools/services.py", "--check"),
    "locks fit": ("python", "tools/lock.py", "--check"),
}


class Result(NamedTuple):
    name: str
    passed: bool
    said: str


def run(name: str, command: Sequence[str]) -> Result:
    """One check; told as soon as it is done."""
    started = time.monotonic()
    program, *words = command
    done = subprocess.run([BIN / program, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    passed = done.returncode == 0
    print(f"{'ok    ' if passed else 'FAILED'}  {name} ({time.monotonic() - started:.1f} s)", flush=True)
    return Result(name, passed, done.stdout + done.stderr)


def run_all(checks: Mapping[str, Sequence[str]]) -> int:
    """The exit status: 1 if any failed."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(run, checks.keys(), checks.values()))
    failed = [result for result in results if not result.passed]
    for result in failed:
        print(f"\n--- {result.name}: {' '.join(checks[result.name])}\n{result.said.strip()}")
    if failed:
        print(f"\n{len(failed)} of {len(results)} failed: {', '.join(result.name for result in failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_all(CHECKS))
