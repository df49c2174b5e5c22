"""Whether a warehouse takes goods. Asked in the transaction that names it, it holds until that ends: who closes it
waits."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stoa.kit.db import Transaction
from stoa.services.inventory import stock_repository
from stoa.services.inventory.errors import NoSuchWarehouse, WarehouseClosed
from stoa.services.inventory.reservation import Fill

MAIN_WAREHOUSE = "main"
"""What is counted without naming a warehouse lies there. It is never closed."""


async def must_be_open(tx: Transaction, warehouse_id: str, field: str = "warehouse") -> None:
    """Raises `NoSuchWarehouse`, `WarehouseClosed`."""
    found = await stock_repository.are_open(tx, [warehouse_id])
    if warehouse_id not in found:
        raise NoSuchWarehouse(warehouse_id, field)
    if not found[warehouse_id]:
        raise WarehouseClosed(warehouse_id, field)


async def to_open_ones(tx: Transaction, goods: Sequence[Fill]) -> list[Fill]:
    """Where goods that come back go: to where they are from or, where that is closed by now, to the main one."""
    elsewhere = {one.warehouse_id for one in goods} - {MAIN_WAREHOUSE}
    if not elsewhere:
        return list(goods)
    are_open = await stock_repository.are_open(tx, elsewhere)
    return [one if are_open.get(one.warehouse_id, True) else replace(one, warehouse_id=MAIN_WAREHOUSE) for one in goods]
