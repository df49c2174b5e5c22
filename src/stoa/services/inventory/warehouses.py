"""Warehouses: places to draw stock from, added, described, closed where nothing is left, opened again, and removed as
long as nothing names them."""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.inventory import stock_repository
from stoa.services.inventory.allocation.place import Place
from stoa.services.inventory.errors import UnknownWarehouse, WarehouseInUse, WarehouseNotEmpty, WarehouseTaken
from stoa.services.inventory.open_warehouses import MAIN_WAREHOUSE
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stock_repository import WarehouseRow


async def add_warehouse(inventory: Inventory, name: str, place: Place) -> WarehouseRow:
    """Raises `WarehouseTaken`."""
    async with inventory.db.transaction() as tx:
        added = await stock_repository.add_warehouse(tx, name, place)
        if added is None:
            raise WarehouseTaken(place.warehouse_id)
        await staff_acts.record(tx, act="warehouse.added", subject=added.id, after={"priority": added.priority})
        return added


async def edit_warehouse(
    inventory: Inventory, name: str, place: Place, *, if_match: IfMatch = ANYTHING
) -> WarehouseRow:
    """From now on it is called so and is there; what it has is as it was. A repeat changes nothing. Raises
    `UnknownWarehouse`, `VersionMismatch`."""
    async with inventory.db.transaction() as tx:
        before = await stock_repository.lock_warehouse(tx, place.warehouse_id)
        if before is None:
            raise UnknownWarehouse(place.warehouse_id)
        if_match.check(before.version)
        if (before.name, before.place) == (name, place):
            return before
        after = await stock_repository.edit_warehouse(tx, name, place)
        await staff_acts.record(
            tx, act="warehouse.edited", subject=after.id, before=_described(before), after=_described(after)
        )
        return after


async def remove_warehouse(inventory: Inventory, warehouse_id: str, *, if_match: IfMatch = ANYTHING) -> None:
    """Raises `UnknownWarehouse`, `VersionMismatch`, `WarehouseInUse`."""
    async with inventory.db.transaction() as tx:
        before = await _locked_alone(tx, warehouse_id, if_match)
        if warehouse_id == MAIN_WAREHOUSE:
            raise WarehouseInUse("What is counted without naming a warehouse lies there.")
        if not await stock_repository.remove_warehouse(tx, warehouse_id):
            raise WarehouseInUse("Goods have been there, or a document names it: transfer what is left, and close it.")
        await staff_acts.record(tx, act="warehouse.removed", subject=warehouse_id, before=_described(before))


async def close_warehouse(inventory: Inventory, warehouse_id: str, *, if_match: IfMatch = ANYTHING) -> WarehouseRow:
    """It takes no more goods and no document. A repeat changes nothing. Raises `UnknownWarehouse`, `VersionMismatch`,
    `WarehouseInUse` of the main one, `WarehouseNotEmpty`."""
    async with inventory.db.transaction() as tx:
        before = await _locked_alone(tx, warehouse_id, if_match)
        if warehouse_id == MAIN_WAREHOUSE:
            raise WarehouseInUse("What is counted without naming a warehouse lies there.")
        if before.closed_at is not None:
            return before
        if left := await stock_repository.left_in(tx, warehouse_id):
            raise WarehouseNotEmpty(left)
        return await _turned(tx, warehouse_id, closed=True)


async def open_warehouse(inventory: Inventory, warehouse_id: str, *, if_match: IfMatch = ANYTHING) -> WarehouseRow:
    """It takes goods again. A repeat changes nothing. Raises `UnknownWarehouse`, `VersionMismatch`."""
    async with inventory.db.transaction() as tx:
        before = await _locked_alone(tx, warehouse_id, if_match)
        return before if before.closed_at is None else await _turned(tx, warehouse_id, closed=False)


async def _locked_alone(tx: Transaction, warehouse_id: str, if_match: IfMatch) -> WarehouseRow:
    """Whoever brings goods there, or names it, is done, or waits until we are."""
    found = await stock_repository.lock_warehouse_alone(tx, warehouse_id)
    if found is None:
        raise UnknownWarehouse(warehouse_id)
    if_match.check(found.version)
    return found


async def _turned(tx: Transaction, warehouse_id: str, *, closed: bool) -> WarehouseRow:
    after = await stock_repository.close_warehouse(tx, warehouse_id, closed=closed)
    act = "warehouse.closed" if closed else "warehouse.opened"
    await staff_acts.record(tx, act=act, subject=warehouse_id, before={"closed": not closed}, after={"closed": closed})
    return after


def _described(warehouse: WarehouseRow) -> dict[str, object]:
    described = warehouse._asdict()
    return {name: described[name] for name in ("name", "priority", "country", "region", "postal_code")}
