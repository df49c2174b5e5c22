"""What a buyer is told about when a thing can be sent."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    IN_STOCK = "in_stock"
    """All of it is on hand."""
    SHIPS_BY = "ships_by"
    """It is sold without being on hand, and sent by that day."""
    PREORDER_FROM = "preorder_from"
    """It is sold before it is there, and sent from that day on."""
    SOLD_OUT = "sold_out"
    """So many cannot be bought."""


class Promise(NamedTuple):
    kind: Kind
    on: date | None = None


class Later(NamedTuple):
    """The promise of what is not on hand: it `ships_by` that day, or as a `preorder_from` that day on."""

    kind: Kind
    on: date
