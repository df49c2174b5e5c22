"""What is wrong with a cell, for people who have never seen a type. What patterns ask for has words in the kit."""

from __future__ import annotations

import re

_WORDS = (
    (r"Expected `str` of length >= 1\.", "It is empty."),
    (r"Expected `str` of length <= ([0-9]+)\.", r"It has more than \1 characters."),
    (r"Expected `array` of length <= ([0-9]+)\.", r"It has more than \1 parts."),
    (r"Expected `(?:int|float)` >= (-?[0-9]+)\.", r"It is less than \1."),
    (r"Expected `(?:int|float)` <= ([0-9]+)\.", r"It is more than \1."),
)


def in_words(detail: str) -> str:
    """`detail` as a decoder says it."""
    for pattern, words in _WORDS:
        if match := re.fullmatch(pattern, detail):
            return match.expand(words)
    return detail
