"""Barcodes: the number of an article (GTIN) that a scanner reads from it, whichever of its lengths it has. Pure.

Its last digit is there to find what was mistyped: the digits before it, from the right times three and one in turn,
make a multiple of ten with it. What a book had until 2007, ten signs of another sum, is part of the number that it has
since.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LENGTHS = (8, 12, 13, 14)
"""EAN-8, UPC-A, EAN-13 (as which ISBN are written, too) and that of a case."""

_ISBN_10 = re.compile("[0-9]{9}[0-9Xx]")
_UPC, _EAN = 12, 13
_BOOKS = "978"


def barcode_of(text: str) -> str:
    """Its digits, however they are spaced; empty for nothing. Raises `ValueError` for what is none."""
    said = re.sub("[ -]", "", text)
    if not said:
        return ""
    if _ISBN_10.fullmatch(said):
        return _book_of(said, text)
    if re.fullmatch("[0-9]+", said) is None or len(said) not in LENGTHS:
        raise ValueError(f"{text!r} is no barcode: it has 8, 12, 13 or 14 digits, or those of an ISBN")
    return _checked(said, _check_digit(said[:-1]), text)


def other_ways_to_write(barcode: str) -> Sequence[str]:
    """What else may stand for it: scanners and lists put a zero before a UPC, or leave it out, and a book that is older
    than its number of thirteen digits has the one of ten in it."""
    if len(barcode) == _UPC:
        return [f"0{barcode}"]
    if len(barcode) == _EAN and barcode.startswith("0"):
        return [barcode[1:]]
    if len(barcode) == _EAN and barcode.startswith(_BOOKS):
        nine = barcode[len(_BOOKS) : -1]
        return [nine + _last_of_ten(nine)]
    return []


def _book_of(said: str, text: str) -> str:
    nine = said[:9]
    _checked(said.upper(), _last_of_ten(nine), text)
    return _BOOKS + nine + _check_digit(_BOOKS + nine)


def _last_of_ten(nine: str) -> str:
    return "0123456789X"[-sum((10 - at) * int(digit) for at, digit in enumerate(nine)) % 11]


def _checked(said: str, last: str, text: str) -> str:
    if said[-1] != last:
        raise ValueError(f"{text!r} is mistyped: behind the other digits of a barcode stands {last}")
    return said


def _check_digit(digits: str) -> str:
    weighed = sum(int(digit) * (1 if at % 2 else 3) for at, digit in enumerate(reversed(digits)))
    return str(-weighed % 10)
