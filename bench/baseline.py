"""The shop of an earlier commit, to stand beside today's in the same run.

Its code is taken out of git into a folder of the run and started with today's environment: the same Python,
the same packages, the same PostgreSQL. So what differs is only what was written since.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

COMMIT = "06c4a6c"
_ROOT = Path(__file__).parents[1]


class NotInThisClone(Exception):
    """The commit cannot be taken out; the message says what brings it."""


def take_out(folder: Path, commit: str) -> Path:
    """The commit's code, in `folder`; the place to import it from. Raises `NotInThisClone`."""
    taken = subprocess.run(["git", "archive", commit, "src", "topologies"], cwd=_ROOT, capture_output=True, check=False)
    if taken.returncode != 0:
        raise NotInThisClone(f"commit {commit} is not in this clone: `git fetch --unshallow` brings it")
    folder.mkdir(parents=True)
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=taken.stdout, check=True)
    return folder / "src"
