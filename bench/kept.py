"""What a run has measured so far, on disk: one that ended early goes on from there (`--go-on`)."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path

from bench.report import Results


class NothingToGoOn(Exception):
    """There is no earlier run."""


@dataclass
class Kept:
    """By the name of each part that was measured, the commit that it was measured of, which is now `commit`. Without a
    `file` nothing is kept."""

    commit: str
    file: Path | None = None
    parts: dict[str, str] = field(default_factory=dict)
    results: Results = field(default_factory=Results)

    def add(self, part: str) -> None:
        """Its results are there."""
        self.parts[part] = self.commit
        if self.file is not None:
            self.file.parent.mkdir(exist_ok=True)
            beside = self.file.with_suffix(".new")
            beside.write_bytes(pickle.dumps((self.parts, self.results)))
            beside.replace(self.file)

    def forget(self) -> None:
        """It is written: nothing is left to go on with."""
        if self.file is not None:
            self.file.unlink()

    def commits(self) -> str:
        """Of what was measured: that of most parts, and of which parts another."""
        others: dict[str, list[str]] = {}
        for part, commit in self.parts.items():
            others.setdefault(commit, []).append(part)
        most, *rest = sorted(others, key=lambda commit: -len(others[commit]))
        return "; ".join([most, *(f"{', '.join(others[commit])}: {commit}" for commit in rest)])


def earlier(file: Path, commit: str) -> Kept:
    """What the last run left, to go on with. Raises `NothingToGoOn`."""
    try:
        # Written by ourselves, into a folder of this clone.
        parts, results = pickle.loads(file.read_bytes())  # noqa: S301
    except FileNotFoundError:
        raise NothingToGoOn("no run has ended early here: leave --go-on out") from None
    return Kept(commit, file, parts, results)
