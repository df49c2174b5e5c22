"""Count: what is really on hand, as somebody who stands before the shelf says; and opening stock in bulk."""

from __future__ import annotations

from collections.abc import Collection

from stoa.kit import staff_acts
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.inventory import counts_repository, stock_repository
from stoa.services.inventory.backorders import fill_backorders
from stoa.services.inventory.errors import BelowReserved, NoSuchWarehouse
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.owners import ask_for_owner, check_owner
from stoa.services.inventory.reservation import Lines
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stock_rows import SkuStock

MAIN_WAREHOUSE = "main"


async def set_on_hand(
    inventory: Inventory,
    sku: str,
    on_hand: int,
    *,
    warehouse_id: str,
    reason: str,
    user_id: str,
    sellers: Collection[str] | None,
    if_match: IfMatch = ANYTHING,
) -> SkuStock:
    """Book the difference to what was on hand in that warehouse; the SKU's stock afterwards.

    The first count of a SKU there is its opening; later more is a receipt and less an adjustment. A repeat books
    nothing, unless some of it was owed and has left. Who acts for `sellers` counts what they sell, with None anything.
    Raises `NoSuchWarehouse`, `SkuOfNoProduct`, `NotYourStock`, `BelowReserved`, `VersionMismatch` where the SKU's
    stock, here or anywhere, is not as the caller has seen it.
    """
    if sellers is not None:
        await ask_for_owner(inventory, sku)
    async with inventory.db.transaction() as tx:
        if sellers is not None:
            await check_owner(tx, sku, sellers)
        if not await stock_repository.warehouse_exists(tx, warehouse_id):
            raise NoSuchWarehouse(warehouse_id)
        await stock_repository.know_item(tx, sku)
        stock = await stock_repository.lock_stock_rows(tx, [sku])
        if_match.check(stock.edits(sku))
        row = stock.row(sku, warehouse_id)
        kind = "receipt"
        if row is None:
            kind = "opening"
            row = await stock_repository.open_stock_row(tx, sku, warehouse_id)
            stock.add(row)
        if on_hand < row.reserved:
            raise BelowReserved(sku, row.reserved)
        difference = on_hand - row.on_hand
        if difference:
            stock.count(sku, warehouse_id, difference)
            kind = "adjustment" if difference < 0 else kind
            await stock_repository.book(tx, kind, stock.changes(), reason=reason, user_id=user_id)
            await counts_repository.overtake(tx, warehouse_id, [sku])
            await fill_backorders(tx, stock)
            await announce_turns(inventory.outbox, tx, stock.turns())
            await staff_acts.record(
                tx,
                act="stock.counted",
                subject=sku,
                before={"warehouse": warehouse_id, "on_hand": on_hand - difference},
                after={"warehouse": warehouse_id, "on_hand": on_hand},
                reason=reason,
            )
        return (await stock_repository.stock_of_each(tx, [sku]))[sku]


async def import_stock(inventory: Inventory, lines: Lines) -> int:
    """Open the SKUs that have no stock yet, in the main warehouse; how many. A repeat opens none."""
    async with inventory.db.transaction() as tx:
        opened = await stock_repository.open_items(tx, list(lines), MAIN_WAREHOUSE)
        stock = await stock_repository.lock_stock_rows(tx, opened)
        for sku in opened:
            stock.count(sku, MAIN_WAREHOUSE, lines[sku])
        changes = stock.changes()
        if changes:
            await stock_repository.book(tx, "opening", changes, reason="import")
            await announce_turns(inventory.outbox, tx, stock.turns())
        return len(opened)
