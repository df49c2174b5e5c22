"""An expected failure of a command: shown as one line, never as a traceback."""

from __future__ import annotations


class Failure(Exception):
    """`what` is wrong and, in the words of somebody who can act on it, how to `mend` it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}; {mend}")
        self.what = what
        self.mend = mend
