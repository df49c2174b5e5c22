"""Add a warehouse: another place to draw stock from."""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.services.inventory import stock_repository
from stoa.services.inventory.errors import WarehouseTaken
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stock_repository import WarehouseRow


async def add_warehouse(inventory: Inventory, warehouse_id: str, name: str, priority: int) -> WarehouseRow:
    """The lower the `priority`, the earlier it is drawn from. Raises `WarehouseTaken`."""
    async with inventory.db.transaction() as tx:
        added = await stock_repository.add_warehouse(tx, warehouse_id, name, priority)
        if added is None:
            raise WarehouseTaken(warehouse_id)
        await staff_acts.record(tx, act="warehouse.added", subject=warehouse_id, after={"priority": priority})
        return added
