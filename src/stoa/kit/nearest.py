"""What somebody probably meant who wrote a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """The one that looks most like `word`; empty where none does."""
    names = sorted(known)
    alike = difflib.get_close_matches(word.lower(), names, n=1)
    # Who stopped in the middle of a word meant that one, however much of it is missing.
    return next(iter(alike or [name for name in names if len(word) > 1 and name.startswith(word.lower())]), "")


def choose(word: str, known: Iterable[str]) -> str:
    """How to mend a name that is not there: the nearest, if there is one, and the list."""
    names = list(known)
    meant = nearest(word, names)
    return f"{f'did you mean {meant}? ' if meant else ''}choose from {', '.join(names)}"
