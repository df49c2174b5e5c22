"""Import supply: warehouses, what lies in them at the opening, and how SKUs are promised, unless it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stoa.services.inventory import stock_repository
from stoa.services.inventory.allocation.place import Place
from stoa.services.inventory.backorders import fill_backorders
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.open_warehouses import must_be_open
from stoa.services.inventory.policy import Terms, set_policy
from stoa.services.inventory.reservation import Lines
from stoa.services.inventory.service import Inventory


class Supply(NamedTuple):
    """Warehouses with their names, what lies in each, and how SKUs are promised."""

    warehouses: Sequence[tuple[str, Place]]
    shelves: Mapping[str, Lines]
    policies: Mapping[str, Terms]


async def import_supply(inventory: Inventory, supply: Supply) -> None:
    """In this order, for a shelf names its warehouse. Raises `NoSuchWarehouse`, and what a policy raises."""
    await import_warehouses(inventory, supply.warehouses)
    for warehouse_id, lines in sorted(supply.shelves.items()):
        await import_shelves(inventory, warehouse_id, lines)
    await import_policies(inventory, supply.policies)


async def import_warehouses(inventory: Inventory, named: Sequence[tuple[str, Place]]) -> None:
    """Those that are not there yet, each with its name."""
    for name, place in named:
        await stock_repository.add_warehouse(inventory.db, name, place)


async def import_shelves(inventory: Inventory, warehouse_id: str, lines: Lines) -> None:
    """Open what has no stock in this warehouse yet. Raises `NoSuchWarehouse`, `WarehouseClosed`."""
    async with inventory.db.transaction() as tx:
        await must_be_open(tx, warehouse_id)
        for sku in sorted(lines):
            await stock_repository.know_item(tx, sku)
        stock = await stock_repository.lock_stock_rows(tx, lines)
        for sku, units in lines.items():
            if stock.row(sku, warehouse_id) is None:
                stock.add(await stock_repository.open_stock_row(tx, sku, warehouse_id))
                stock.count(sku, warehouse_id, units)
        if changes := stock.changes():
            await stock_repository.book(tx, "opening", changes, reason="import")
            await fill_backorders(tx, stock)
            await announce_turns(inventory.outbox, tx, stock.turns())


async def import_policies(inventory: Inventory, policies: Mapping[str, Terms]) -> None:
    """Of the SKUs that never had one."""
    known = await stock_repository.stock_of_each(inventory.db, policies)
    for sku, terms in policies.items():
        if sku not in known or known[sku].item.version == 0:
            await set_policy(inventory, sku, terms, sellers=None)
