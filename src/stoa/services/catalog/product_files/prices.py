"""Prices as people write them, in the units that they count in."""

from __future__ import annotations

import re
from typing import Any

from stoa.kit.http.types import MOST_AMOUNT
from stoa.kit.money import MINOR_DIGITS, amount_of

_AMOUNT = re.compile(r"([0-9]{1,30})(?:\.([0-9]{0,30}))?")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
"""Where one country writes a thousand, and another one and some."""


def price_of(text: str, currency: str, *, comma: bool = False) -> dict[str, Any]:
    """`19.99` as minor units; with a `comma` also `19,99`. Raises `ValueError` for what is no price in it, and for what
    may be two: `1.290` is 1290 in Germany."""
    said = text.strip()
    digits = MINOR_DIGITS.get(currency, 2)
    if not said:
        raise ValueError(f"There is no price: write it as {_example(digits)}")
    if digits != 3 and _THOUSANDS.fullmatch(said):
        whole, part = re.split("[.,]", said)
        decimals = f"{whole}.{part[:digits]}" if digits else whole
        raise ValueError(f"{text!r} may be a thousand or a fraction: write {whole}{part}, or {decimals}")
    match = _AMOUNT.fullmatch(said.replace(",", ".") if comma and "." not in said else said)
    if match is None:
        raise ValueError(
            f"{text!r} is no price: write it as {_example(digits)}, without a sign or marks between thousands"
        )
    whole, part = match[1], (match[2] or "").rstrip("0")
    if len(part) > digits:
        raise ValueError(f"{text!r} has more than the {digits} decimals of {currency}")
    amount = int(whole) * 10**digits + int(part.ljust(digits, "0") or 0)
    if amount > MOST_AMOUNT:
        most = amount_of(MOST_AMOUNT, currency, grouped=False)
        raise ValueError(f"{text!r} is too much: a price is at most {most} {currency}")
    return {"amount": amount, "currency": currency}


def _example(digits: int) -> str:
    return f"19.{'9' * digits}" if digits else "1999"
