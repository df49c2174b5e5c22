"""What a buyer is told about when so many of a SKU can be sent."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from stoa.services.inventory.items import Policy
from stoa.services.inventory.stock_rows import SkuStock


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
    on: date | None


def promise_of(stock: SkuStock, quantity: int, today: date) -> Promise:
    """What is promised to who buys so many of it now."""
    if quantity <= stock.sellable:
        return Promise(Kind.IN_STOCK, None)
    if quantity <= stock.to_promise:
        kind = Kind.PREORDER_FROM if stock.item.policy is Policy.PREORDER else Kind.SHIPS_BY
        return Promise(kind, stock.item.promised_on(today))
    return Promise(Kind.SOLD_OUT, None)
