"""What a document is worth as a few terms, by which those that are worth most are found without a look at the others.

A range of a column looks at every document of it, however few are in the range. Here a factor is a number of five
hexadecimal digits, and a document has each beginning of it as a term: whatever is above a bound has one of at most 76
terms, of which the shorter ones stand for many.
"""

from __future__ import annotations

MOST_WORTH = 1.4
"""A score is at most so many times what its parts are, and at least what they are (`fields.standing_of`)."""
_DIGITS = 5
_LEVELS = 16**_DIGITS


def bands_of(factor: float) -> list[str]:
    """What a document has that is worth so much."""
    level = _level(factor)
    return [level[:length] for length in range(1, _DIGITS + 1)]


def bands_from(factor: float) -> list[str]:
    """Of which one is had by whatever is worth so much or more, and by little else."""
    level = _level(factor)
    return [
        level,
        *(f"{level[:at]}{higher:x}" for at in range(_DIGITS) for higher in range(int(level[at], 16) + 1, 16)),
    ]


def _level(factor: float) -> str:
    share = (factor - 1) / (MOST_WORTH - 1)
    return f"{min(max(0, int(share * _LEVELS)), _LEVELS - 1):0{_DIGITS}x}"
