"""What the bodies of several of inventory's routes are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from stoa.kit.http.types import Quantity, Sku

WarehouseId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(?!\n)$")]


class DocumentLine(msgspec.Struct, forbid_unknown_fields=True):
    """So many units of a SKU on a transfer or a receipt; of a SKU that stands on two lines their sum."""

    sku: Sku
    quantity: Quantity


DocumentLines = Annotated[list[DocumentLine], Meta(min_length=1, max_length=500)]


class _Line(Protocol):
    """So many units of a SKU."""

    sku: str
    quantity: int


def merged(lines: Iterable[_Line]) -> dict[str, int]:
    """The same SKU on two lines is one line with their sum."""
    units: dict[str, int] = {}
    for line in lines:
        units[line.sku] = units.get(line.sku, 0) + line.quantity
    return units


def units_of(lines: Iterable[DocumentLine] | None) -> dict[str, int] | None:
    return None if lines is None else merged(lines)
