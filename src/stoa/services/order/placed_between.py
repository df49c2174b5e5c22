"""When an order was placed, by its id: that has the moment at which its checkout began. Pure rules."""

from __future__ import annotations

from datetime import datetime

from stoa.kit import ids


def first_id(placed_from: datetime | None) -> str:
    """Not after any id of an order of that moment or later."""
    if placed_from is None or placed_from.timestamp() <= 0:
        return ids.FIRST
    return ids.first_uuid7(placed_from)


def last_id(placed_to: datetime | None) -> str:
    """After any id of an order of before that moment."""
    return ids.LAST if placed_to is None else first_id(placed_to)
