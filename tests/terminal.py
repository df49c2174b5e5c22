"""A command at a terminal: what it writes there, and a person who answers."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stoa.testing import processes

ANSWER_SECONDS = 90.0


class Terminal:
    """`until` a text has been written, then `type` an answer."""

    def __init__(self, process: subprocess.Popen[bytes], ours: int) -> None:
        self.process = process
        self.said = ""
        self._ours = ours
        self._read_to = 0

    def until(self, text: str) -> str:
        """What was written since the last time, up to and with `text`."""
        give_up = time.monotonic() + ANSWER_SECONDS
        while text not in self.said[self._read_to :]:
            assert time.monotonic() < give_up, self.said
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self._ours, 4096).decode(errors="replace").replace("\r\n", "\n")
                except OSError:  # nobody is at the other end any more
                    raise AssertionError(f"it ended without {text!r}:\n{self.said}") from None
        start, self._read_to = self._read_to, self.said.index(text, self._read_to) + len(text)
        return self.said[start : self._read_to]

    def type(self, line: str) -> None:
        os.write(self._ours, f"{line}\n".encode())

    def press(self, key: str) -> None:
        """`C` is Ctrl-C."""
        os.write(self._ours, bytes([ord(key) - 64]))


@contextmanager
def at_terminal(words: Sequence[str | Path], **environ: str) -> Iterator[Terminal]:
    """`stoa WORDS` with a terminal of its own for the block; if it still runs at the end, it is stopped."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "stoa.cli.main", *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "dumb"} | environ,
        start_new_session=True,
        # The first terminal that the leader of a session opens is its own: Ctrl-C comes from there.
        preexec_fn=lambda: os.close(os.open(os.ttyname(theirs), os.O_RDWR)),  # noqa: PLW1509 - the tests fork from one thread
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        processes.stop(process)
        os.close(ours)
