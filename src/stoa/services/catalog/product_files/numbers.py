"""Numbers as people and their programs write them."""

from __future__ import annotations

import re

from stoa.services.catalog.bodies import MOST_WHOLE

_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?")


def number_of(text: str, *, comma: bool = False) -> int | float:
    """`24.5`, `.5` and `1e3`; with a `comma` also `24,5`. Raises `ValueError`."""
    said = text.strip()
    said = said.replace(",", ".") if comma and "." not in said else said
    if _NUMBER.fullmatch(said) is None:
        raise ValueError(f"{text!r} is no number: write it as 24.5")
    number = int(said) if re.fullmatch("[+-]?[0-9]+", said) else float(said)
    if abs(number) > MOST_WHOLE:
        raise ValueError(f"{text!r} is too much: a number is at most {MOST_WHOLE}")
    return number


def measure_of(text: str, *, comma: bool) -> int | float:
    """The same. Where commas are, points may stand between thousands: what may be two raises `ValueError`, too."""
    if comma and re.fullmatch("[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}", text):
        whole, part = re.split("[.,]", text)
        raise ValueError(f"{text!r} may be a thousand or a fraction: write {whole}{part}, or {whole},{part}0")
    return number_of(text, comma=comma)


def place_of(text: str) -> int:
    """In an order, from 0. Raises `ValueError`."""
    if re.fullmatch("-?[0-9]{1,12}", text) is None:
        raise ValueError(f"{text!r} is no position: write it as 0")
    return int(text)
