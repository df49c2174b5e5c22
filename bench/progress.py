"""What the run says while it goes: which part, how far, and the figure that came last."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import rich.progress
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

REFRESH_PER_SECOND = 2
"""Drawing takes time from the load, which runs in this very process."""


class Progress:
    """A bar for each part at a terminal; elsewhere a line for each figure."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._bars = rich.progress.Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figure]}"),
            console=self.console,
            refresh_per_second=REFRESH_PER_SECOND,
            disable=not self.console.is_terminal,
        )
        self._part = ""
        self._task: rich.progress.TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def expect(self, part: str, steps: int) -> None:
        """A part begins, with so many steps."""
        self._part = part
        self._task = self._bars.add_task(part, total=steps, figure="")

    def advance(self, figure: str) -> None:
        """A step is done, and this is what it found."""
        assert self._task is not None, "expect() first"
        self._bars.update(self._task, advance=1, figure=figure)
        if not self.console.is_terminal:
            self.console.print(f"{self._part}: {figure}", soft_wrap=True)
