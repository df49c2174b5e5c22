"""How stock is shown: of one SKU in full, of several what can be bought of them."""

from __future__ import annotations

from datetime import date

import msgspec

from stoa.kit import clock
from stoa.services.inventory.items import Item, Policy
from stoa.services.inventory.promise import Kind
from stoa.services.inventory.stock_rows import SkuStock


class StockRowView(msgspec.Struct):
    warehouse: str
    on_hand: int
    reserved: int
    available: int
    safety_stock: int
    incoming: int


class TotalsView(msgspec.Struct):
    """One SKU over all warehouses."""

    sku: str
    on_hand: int
    reserved: int
    available: int
    incoming: int


class BackorderView(msgspec.Struct):
    """By the `policy` so many can be promised without being on hand: up to `limit`, of which `backordered` are."""

    policy: Policy
    limit: int
    backordered: int
    lead_days: int | None
    available_on: date | None


class PromiseView(msgspec.Struct):
    """What is promised to who buys one now: it is `in_stock`, it `ships_by` that day, as a `preorder_from` that day on,
    or it is `sold_out`."""

    kind: Kind
    on: date | None


class StockView(TotalsView):
    """`safety_stock` is kept back from sale, `incoming` is on its way. `available_to_promise` can be bought: what is
    available and not kept back, and what the backorder's limit leaves. `warehouses` stand in the order of their
    priority. `version` counts the changes of what is on hand and of how it is promised, but no holds."""

    safety_stock: int
    incoming: int
    backorder: BackorderView
    available_to_promise: int
    promise: PromiseView
    low_stock_at: int | None
    warehouses: list[StockRowView]
    version: int


class AvailabilityView(msgspec.Struct):
    """What can be bought of a SKU, and what is promised to who buys one, as in its stock."""

    sku: str
    available: int
    backorder: BackorderView
    available_to_promise: int
    promise: PromiseView


def stock_view(stock: SkuStock) -> StockView:
    item = stock.item
    return StockView(
        sku=item.sku,
        on_hand=stock.on_hand,
        reserved=stock.reserved,
        available=stock.available,
        safety_stock=stock.safety_stock,
        incoming=stock.incoming,
        backorder=_backorder(item),
        available_to_promise=stock.to_promise,
        promise=_promise(stock),
        low_stock_at=item.low_stock_at,
        warehouses=[
            StockRowView(row.warehouse_id, row.on_hand, row.reserved, row.available, row.safety_stock, row.incoming)
            for row in stock.rows
            if not row.closed
        ],
        version=stock.edits,
    )


def availability_view(stock: SkuStock) -> AvailabilityView:
    return AvailabilityView(stock.item.sku, stock.available, _backorder(stock.item), stock.to_promise, _promise(stock))


def _backorder(item: Item) -> BackorderView:
    room = item.backordered + item.room
    return BackorderView(item.policy, room, item.backordered, item.lead_days, item.available_on)


def _promise(stock: SkuStock) -> PromiseView:
    return PromiseView(*stock.promise(1, clock.now().date()))
