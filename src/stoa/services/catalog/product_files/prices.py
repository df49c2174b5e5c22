"""Prices as people write them, in the units that they count in; and how many there are."""

from __future__ import annotations

import re
from typing import Any

from stoa.kit.money import MINOR_DIGITS

_STOCK = re.compile(r"(-?)([0-9]{1,12})(?:\.0*)?")
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]*))?")


def price_of(text: str, currency: str, *, comma: bool = False) -> dict[str, Any]:
    """`19.99` as minor units; with a `comma` also `19,99`. Raises `ValueError` for what is no price in it."""
    written = text.strip().replace(",", ".") if comma and "." not in text else text.strip()
    match = _AMOUNT.fullmatch(written)
    digits = MINOR_DIGITS.get(currency, 2)
    if match is None:
        if not written:
            raise ValueError(f"There is no price: write it as {_example(digits)}")
        raise ValueError(f"{text!r} is no price: write it as {_example(digits)}, without a sign or a separator")
    whole, part = match[1], (match[2] or "").rstrip("0")
    if len(part) > digits:
        raise ValueError(f"{text!r} has more than the {digits} decimals of {currency}")
    return {"amount": int(whole) * 10**digits + int(part.ljust(digits, "0") or 0), "currency": currency}


def stock_of(text: str) -> int:
    """`12`, also where it is written `12.00`; what was sold beyond what there was is none. Raises `ValueError`."""
    match = _STOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no number of pieces: write it as 12")
    return 0 if match[1] else int(match[2])


def _example(digits: int) -> str:
    return f"19.{'9' * digits}" if digits else "1999"
