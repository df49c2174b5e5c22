"""How many of a SKU can be bought, and what is promised of them: what inventory says of it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

import msgspec

from stoa.contracts.inventory.v1.inventory_pb2 import LATER_PREORDER_FROM, Stock


class Kind(StrEnum):
    IN_STOCK = "in_stock"
    """All of it is on hand."""
    SHIPS_BY = "ships_by"
    """It is sent by that day."""
    PREORDER_FROM = "preorder_from"
    """It is sent from that day on."""
    SOLD_OUT = "sold_out"
    """So many cannot be had."""


class PromiseView(msgspec.Struct, frozen=True):
    """When so many can be sent: `on` that day, where they are not `in_stock` or `sold_out`."""

    kind: Kind
    on: date | None


class Supply(NamedTuple):
    """`available` can be had, of which `at_once` are on hand; the rest comes as `later`, on `promised_on`."""

    available: int
    at_once: int
    later: Kind = Kind.SOLD_OUT
    promised_on: date | None = None

    def promise(self, quantity: int) -> PromiseView:
        """To who buys so many."""
        if quantity <= self.at_once:
            return PromiseView(Kind.IN_STOCK, None)
        if quantity <= self.available:
            return PromiseView(self.later, self.promised_on)
        return PromiseView(Kind.SOLD_OUT, None)


NOTHING = Supply(0, 0)


def supply_of(stock: Stock) -> Supply:
    available = stock.available_to_promise if stock.HasField("available_to_promise") else stock.available
    if not stock.backorder:
        return Supply(available, available)
    later = Kind.PREORDER_FROM if stock.later == LATER_PREORDER_FROM else Kind.SHIPS_BY
    return Supply(available, available - stock.backorder, later, date.fromisoformat(stock.promised_on))
