"""Count: what is really on hand, as somebody who stands before the shelf says; and opening stock in bulk."""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.services.inventory import repository
from stoa.services.inventory.errors import BelowReserved, NoSuchWarehouse
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.owners import ask_for_owner, check_owner
from stoa.services.inventory.reservation import Lines
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.shelves import Shelf

MAIN_WAREHOUSE = "main"


async def set_on_hand(
    inventory: Inventory,
    sku: str,
    on_hand: int,
    *,
    warehouse_id: str,
    reason: str,
    user_id: str,
    seller: bool,
) -> list[Shelf]:
    """Book the difference to what was on hand in that warehouse; the SKU's stock afterwards.

    The first count of a SKU there is its opening; later more is a receipt and less an adjustment. A
    repeat books nothing. A seller counts what he sells, staff anything. Raises `NoSuchWarehouse`,
    `SkuOfNoProduct`, `NotYourStock`, `BelowReserved`.
    """
    if seller:
        await ask_for_owner(inventory, sku)
    async with inventory.db.transaction() as tx:
        if seller:
            await check_owner(tx, sku, user_id)
        if not await repository.warehouse_exists(tx, warehouse_id):
            raise NoSuchWarehouse(warehouse_id)
        await repository.know_item(tx, sku)
        shelves = await repository.lock_shelves(tx, [sku])
        shelf = shelves.shelf(sku, warehouse_id)
        kind = "receipt"
        if shelf is None:
            kind = "opening"
            shelf = await repository.open_shelf(tx, sku, warehouse_id)
            shelves.add(shelf)
        if on_hand < shelf.reserved:
            raise BelowReserved(sku, shelf.reserved)
        difference = on_hand - shelf.on_hand
        if difference:
            shelves.count(sku, warehouse_id, difference)
            kind = "adjustment" if difference < 0 else kind
            await repository.book(tx, kind, shelves.changes(), reason=reason, user_id=user_id)
            await announce_turns(inventory.outbox, tx, shelves.turns())
            await staff_acts.record(
                tx,
                act="stock.counted",
                subject=sku,
                before={"warehouse": warehouse_id, "on_hand": on_hand - difference},
                after={"warehouse": warehouse_id, "on_hand": on_hand},
                reason=reason,
            )
        return await repository.shelves_of(tx, sku)


async def import_stock(inventory: Inventory, lines: Lines) -> int:
    """Open the SKUs that have no stock yet, in the main warehouse; how many. A repeat opens none."""
    async with inventory.db.transaction() as tx:
        opened = await repository.open_items(tx, list(lines), MAIN_WAREHOUSE)
        shelves = await repository.lock_shelves(tx, opened)
        for sku in opened:
            shelves.count(sku, MAIN_WAREHOUSE, lines[sku])
        changes = shelves.changes()
        if changes:
            await repository.book(tx, "opening", changes, reason="import")
            await announce_turns(inventory.outbox, tx, shelves.turns())
        return len(opened)
