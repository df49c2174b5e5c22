"""What orders tell: what was sold of which product, and what is not sold after all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from stoa.kit import clock
from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.services.search import popularity, sales_repository
from stoa.services.search.sales_repository import Line

SOLD = "order.placed"
"""An order that is paid. One that never was is not announced."""
TAKEN_BACK = ("order.canceled", "order.returned")
SALES_EVENTS = (SOLD, *TAKEN_BACK)


class PlacedItem(msgspec.Struct):
    sku: str
    product_id: str
    quantity: int


class Placed(msgspec.Struct):
    items: Sequence[PlacedItem]


class ReturnedItem(msgspec.Struct):
    sku: str
    quantity: int


class Returned(msgspec.Struct):
    items: Sequence[ReturnedItem]


def sold_lines(events: Sequence[Event]) -> list[Line]:
    """Of the orders that were placed, as of when that was."""
    lines: dict[tuple[str, str], Line] = {}
    for event in events:
        if event.type != SOLD:
            continue
        sold_at = min(event.time, clock.now())
        for item in event.read(Placed).items:
            before = lines.get((event.subject, item.sku))
            units = item.quantity + (before.units if before else 0)
            weight = popularity.weight(units, sold_at)
            lines[event.subject, item.sku] = Line(event.subject, item.sku, item.product_id, units, weight, sold_at)
    return list(lines.values())


async def take_back(tx: Transaction, events: Sequence[Event]) -> Mapping[str, float]:
    """Take units off what is known of their orders; how much less was sold by it, of each product. An order of which
    nothing is known does not count, should its sale be told later: it was replayed out of turn."""
    taken = [event for event in events if event.type in TAKEN_BACK]
    less: dict[str, float] = defaultdict(float)
    if not taken:
        return less
    known = await sales_repository.hold_lines(tx, {event.subject for event in taken})
    changed: dict[tuple[str, str], Line] = {}
    for event in taken:
        lines = known.get(event.subject)
        if lines is None:
            changed[event.subject, ""] = Line(event.subject, "", None, 0, 0.0, min(event.time, clock.now()))
            continue
        for sku, units in _units_back(event, lines).items():
            line = lines[sku]
            left = max(0, line.units - units)
            if line.product_id is not None and left < line.units:
                fewer = replace(line, units=left, weight=popularity.left_of(line.weight, line.units, left))
                less[line.product_id] += line.weight - fewer.weight
                lines[sku] = changed[event.subject, sku] = fewer
    await sales_repository.keep_lines(tx, changed.values())
    return less


def _units_back(event: Event, lines: Mapping[str, Line]) -> dict[str, int]:
    if event.type == "order.canceled":
        return {sku: line.units for sku, line in lines.items()}
    back: dict[str, int] = defaultdict(int)
    for item in event.read(Returned).items:
        if item.sku in lines:
            back[item.sku] += item.quantity
    return back
