"""What commands say: numbered steps with what they took, and failures in one line."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Iterator

import rich.console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from stoa.runtime.failure import Failure


class Step:
    """A step under way. `advance` moves its bar, if it said how much there is to do; `note` is what it ends with."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self.note = ""

    def advance(self, by: int = 1) -> None:
        self._progress.advance(self._task, by)


class Console:
    """Writes to stdout; at a terminal with color and moving bars, elsewhere plain lines."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # What a terminal of another encoding cannot show is no reason to end.
            sys.stdout.reconfigure(errors="replace")
        self._out = rich.console.Console(highlight=False)
        self._errors = rich.console.Console(stderr=True, highlight=False, soft_wrap=True)
        self._steps = 0
        self._done = 0

    def expect(self, steps: int) -> None:
        """Number the steps that follow from 1 to `steps`."""
        self._steps, self._done = steps, 0

    @contextlib.contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """One step: what it is while it runs, and how long it took when it is done."""
        self._done += 1
        number = f"{self._done}/{self._steps}"
        started = time.monotonic()
        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        if total is not None:
            columns += [BarColumn(bar_width=20), MofNCompleteColumn()]
        with Progress(
            *columns, TimeElapsedColumn(), console=self._out, transient=True, disable=not self._out.is_terminal
        ) as progress:
            step = Step(progress, progress.add_task(f"{number}  {title}", total=total))
            yield step
        note = f", {step.note}" if step.note else ""
        self.say(f"[green]✓[/] {number}  {escape(title)}[dim]{escape(note)} ({time.monotonic() - started:.1f} s)[/]")

    @contextlib.contextmanager
    def waiting(self, title: str) -> Iterator[None]:
        """What is under way, at a terminal, until the block has something to say itself."""
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._out,
            transient=True,
            disable=not self._out.is_terminal,
        ) as progress:
            progress.add_task(escape(title), total=None)
            yield

    def say(self, text: str = "") -> None:
        """A line, in rich's markup."""
        self._out.print(text, soft_wrap=True)

    def warning(self, text: str) -> None:
        self._errors.print(f"[yellow]stoa:[/] {escape(text)}")

    def failure(self, failure: Failure) -> None:
        self._errors.print(f"[red]stoa:[/] {escape(str(failure))}")
        sys.stderr.flush()
