"""Count: what is really on hand, as somebody who stands before the shelf says; and opening stock in bulk."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.problems import Problem
from stoa.services.inventory import counts_repository, movements_repository, stock_repository
from stoa.services.inventory.backorders import fill_backorders
from stoa.services.inventory.errors import BelowReserved
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.movements_repository import Movement
from stoa.services.inventory.open_warehouses import MAIN_WAREHOUSE, must_be_open
from stoa.services.inventory.owners import ask_for_owners_of, refused_to
from stoa.services.inventory.reservation import Lines
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stock_rows import SkuStock, StockRow, StockRows

AT_ONCE = 500
"""Lines that are booked in one transaction: whoever buys one of them waits for it."""

Outcome = Literal["counted", "unchanged", "refused"]


class Shelf(NamedTuple):
    """Where somebody counts, and why."""

    warehouse_id: str
    reason: str
    user_id: str


class Line(NamedTuple):
    """What became of one of many: what is there by now, or why it is `refused`."""

    sku: str
    outcome: Outcome
    on_hand: int | None = None
    reserved: int | None = None
    problem: Problem | None = None


async def set_on_hand(
    inventory: Inventory,
    sku: str,
    on_hand: int,
    shelf: Shelf,
    *,
    sellers: Collection[str] | None,
    if_match: IfMatch = ANYTHING,
) -> SkuStock:
    """Book the difference to what was on hand in that warehouse; the SKU's stock afterwards.

    The first count of a SKU there is its opening; later more is a receipt and less an adjustment. A repeat books
    nothing, unless some of it was owed and has left. Who acts for `sellers` counts what they sell, with None anything.
    Raises `NoSuchWarehouse`, `WarehouseClosed`, `SkuOfNoProduct`, `NotYourStock`, `BelowReserved`, `VersionMismatch`
    where the SKU's stock, here or anywhere, is not as the caller has seen it.
    """
    if sellers is not None:
        await ask_for_owners_of(inventory, [sku])
    async with inventory.db.transaction() as tx:
        await must_be_open(tx, shelf.warehouse_id)
        if sellers is not None and (refused := await refused_to(tx, [sku], sellers)):
            raise refused[sku]
        await movements_repository.know_items(tx, [sku])
        stock = await stock_repository.lock_stock_rows(tx, [sku])
        if_match.check(stock.edits(sku))
        (line,) = await _book(tx, inventory, stock, shelf, {sku: on_hand})
        if line.problem is not None:
            raise line.problem
        return (await stock_repository.stock_of_each(tx, [sku]))[sku]


async def set_on_hand_of_many(
    inventory: Inventory, counted: Lines, shelf: Shelf, *, sellers: Collection[str] | None
) -> list[Line]:
    """The same of at most `AT_ONCE` SKUs in one transaction, whose order the answer has. Each stands for itself: what
    one of them raises refuses it alone. Raises `NoSuchWarehouse`, `WarehouseClosed`."""
    assert len(counted) <= AT_ONCE, f"{len(counted)} lines at once"
    if sellers is not None:
        await ask_for_owners_of(inventory, list(counted))
    async with inventory.db.transaction() as tx:
        await must_be_open(tx, shelf.warehouse_id)
        refused = {} if sellers is None else await refused_to(tx, list(counted), sellers)
        allowed = {sku: on_hand for sku, on_hand in counted.items() if sku not in refused}
        await movements_repository.know_items(tx, allowed)
        stock = await stock_repository.lock_stock_rows(tx, allowed)
        lines = {line.sku: line for line in await _book(tx, inventory, stock, shelf, allowed)}
        return [lines.get(sku) or Line(sku, "refused", problem=refused[sku]) for sku in counted]


async def _book(tx: Transaction, inventory: Inventory, stock: StockRows, shelf: Shelf, counted: Lines) -> list[Line]:
    """The differences, each as a movement, but for those that would leave less than is promised. The items are locked
    and `stock` is theirs."""
    missing = [sku for sku in counted if stock.row(sku, shelf.warehouse_id) is None]
    for opened in await movements_repository.open_rows(tx, missing, shelf.warehouse_id):
        stock.add(opened)
    movements, acts = [], []
    refused: dict[str, Problem] = {}
    for sku, on_hand in counted.items():
        row = stock.known(sku, shelf.warehouse_id)
        difference = on_hand - row.on_hand
        if on_hand < row.reserved:
            refused[sku] = BelowReserved(sku, row.reserved)
        elif difference:
            kind = "adjustment" if difference < 0 else "opening" if sku in missing else "receipt"
            movements.append(Movement(sku, shelf.warehouse_id, kind, difference, shelf.reason))
            acts.append(_act(shelf, row, on_hand))
            stock.count(sku, shelf.warehouse_id, difference)
    if movements:
        await movements_repository.move(tx, movements, document_id=None, user_id=shelf.user_id)
        await counts_repository.overtake(tx, shelf.warehouse_id, [one.sku for one in movements])
        await fill_backorders(tx, stock)
        await announce_turns(inventory.outbox, tx, stock.turns())
        await staff_acts.record_all(tx, acts)
    booked = {one.sku for one in movements}
    return [_line(stock.known(sku, shelf.warehouse_id), refused.get(sku), sku in booked) for sku in counted]


def _act(shelf: Shelf, before: StockRow, on_hand: int) -> staff_acts.Act:
    was, now = ({"warehouse": shelf.warehouse_id, "on_hand": units} for units in (before.on_hand, on_hand))
    return staff_acts.Act("stock.counted", before.sku, was, now, shelf.reason)


def _line(row: StockRow, problem: Problem | None, counted: bool) -> Line:
    if problem is not None:
        return Line(row.sku, "refused", problem=problem)
    return Line(row.sku, "counted" if counted else "unchanged", row.on_hand, row.reserved)


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
