"""What the sections of docs/bench.md are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A promise and what came of it."""

    what: str
    measured: str
    beside: str
    target: str
    met: bool


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, of_figures: bool = True) -> str:
    """GitHub's Markdown; figures stand on the right."""
    lines = [_row(head), _row(["---", *("---:" if of_figures else "---" for _ in head[1:])])]
    return "\n".join([*lines, *(_row(each) for each in rows)])


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}" if seconds < 0.1 else f"{seconds * 1e3:,.0f}"


def both(p50: float, p99: float) -> str:
    return f"{ms(p50)} / {ms(p99)}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
