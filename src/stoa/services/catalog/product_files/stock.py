"""How many there are of a variant, as files say it."""

from __future__ import annotations

import re

from stoa.services.catalog.product_files.remarks import Said

_PIECES = re.compile(r"(-?[0-9]{1,12})(?:\.0*)?")


def stock_of(text: str) -> int:
    """`12`, also where it is written `12.00`. Raises `ValueError`."""
    pieces = _pieces_of(text)
    if pieces < 0:
        raise ValueError(f"{text!r} is less than nothing: write 0 where there is none")
    return pieces


def left_of(text: str) -> int:
    """The same of another shop: of what it sold beyond what it had there is none. Raises `ValueError`."""
    return max(0, _pieces_of(text))


def oversold(sku: str, text: str) -> list[Said]:
    """What is to be said of what `left_of` has read."""
    return [Said("stock-oversold", f"{sku}: {text}")] if _pieces_of(text) < 0 else []


def sold_without(sku: str, cell: str) -> list[Said]:
    """What is to be said of a cell in which another shop has whether it is sold when none is left: `continue`, `TRUE`,
    `1`, `notify`."""
    return [Said("backorder-left-out", sku)] if cell.lower() in {"continue", "true", "yes", "1", "notify"} else []


def _pieces_of(text: str) -> int:
    match = _PIECES.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no number of pieces: write it as 12")
    return int(match[1])
