"""Goods that come to a warehouse or leave it by a document, under the locks of their items."""

from __future__ import annotations

from stoa.kit.db import Transaction
from stoa.services.inventory import movements_repository, stock_repository
from stoa.services.inventory.backorders import fill_backorders
from stoa.services.inventory.errors import OutOfStock
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.movements_repository import Movement
from stoa.services.inventory.reservation import Lines
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stock_rows import Shortage, StockRows


async def bring_in(
    tx: Transaction,
    inventory: Inventory,
    warehouse_id: str,
    units: Lines,
    kind: str,
    *,
    document_id: str,
    user_id: str | None,
) -> None:
    """They are on hand there, each with its movement of this `kind`; who waits for them gets them first."""
    stock = await stock_repository.lock_stock_rows(tx, units)
    for sku, many in units.items():
        stock.count(sku, warehouse_id, many)
    movements = [Movement(sku, warehouse_id, kind, many) for sku, many in units.items()]
    await movements_repository.move(tx, movements, document_id=document_id, user_id=user_id)
    await fill_backorders(tx, stock)
    await announce_turns(inventory.outbox, tx, stock.turns())


async def take_out(
    tx: Transaction,
    inventory: Inventory,
    warehouse_id: str,
    units: Lines,
    kind: str,
    *,
    document_id: str,
    user_id: str | None,
) -> None:
    """They leave it, all or none: what is promised there stays. Raises `OutOfStock` with what is available there."""
    stock = await stock_repository.lock_stock_rows(tx, units)
    if short := _short(stock, warehouse_id, units):
        raise OutOfStock(short)
    for sku, many in units.items():
        stock.count(sku, warehouse_id, -many)
    movements = [Movement(sku, warehouse_id, kind, -many) for sku, many in units.items()]
    await movements_repository.move(tx, movements, document_id=document_id, user_id=user_id)
    await announce_turns(inventory.outbox, tx, stock.turns())


def _short(stock: StockRows, warehouse_id: str, units: Lines) -> list[Shortage]:
    """The lines that do not fit there. What other warehouses have does not help."""
    free = {sku: row.available if (row := stock.row(sku, warehouse_id)) else 0 for sku in units}
    return [Shortage(sku, many, free[sku]) for sku, many in units.items() if many > free[sku]]
