"""What a run has measured so far, on disk: one that ended early goes on from there (`--go-on`)."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path

from bench.report import Results


class NothingToGoOn(Exception):
    """There is no earlier run, or it was of another commit; the message says which."""


@dataclass
class Kept:
    """`parts` were measured on this commit; without a `file` they are not kept."""

    commit: str
    file: Path | None = None
    parts: set[str] = field(default_factory=set)
    results: Results = field(default_factory=Results)

    def add(self, part: str) -> None:
        """Its results are there."""
        self.parts.add(part)
        if self.file is not None:
            self.file.parent.mkdir(exist_ok=True)
            beside = self.file.with_suffix(".new")
            beside.write_bytes(pickle.dumps((self.commit, self.parts, self.results)))
            beside.replace(self.file)


def earlier(file: Path, commit: str) -> Kept:
    """What the last run left. Raises `NothingToGoOn`."""
    try:
        # Written by ourselves, into a folder of this clone.
        of, parts, results = pickle.loads(file.read_bytes())  # noqa: S301
    except FileNotFoundError:
        raise NothingToGoOn("no run has ended early here: leave --go-on out") from None
    if of != commit:
        raise NothingToGoOn(f"the last run was of {of}, and this is {commit}: leave --go-on out")
    return Kept(of, file, parts, results)
