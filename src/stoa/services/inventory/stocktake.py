"""Count a warehouse: lines are counted, looked over, and booked, all at once or one by one.

What is booked of a line is the difference between what was found and what was on hand when it was found: a sale between
the two moments is not undone. What another count has set right between the two is not set right twice: such a line must
be counted again. A count's row is locked first, then the items.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.services.inventory import counts_repository, movements_repository, stock_repository
from stoa.services.inventory.backorders import fill_backorders
from stoa.services.inventory.count import AT_ONCE
from stoa.services.inventory.counts_repository import Counted, CountRow, CountState
from stoa.services.inventory.documents_errors import NoSuchCount, NotOnTheDocument, WrongState
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.movements_repository import Movement
from stoa.services.inventory.open_warehouses import must_be_open
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stock_rows import StockRows


class Found(NamedTuple):
    """So many were found, and why they are not what one would think."""

    counted: int
    reason: str


class Again(NamedTuple):
    """A line that cannot be booked, because more is promised than would be left, or another count came first: it must
    be counted again."""

    sku: str
    counted: int
    reserved: int


async def open_count(inventory: Inventory, warehouse_id: str, skus: Collection[str] | None, note: str) -> CountRow:
    """Of these SKUs, None: of all that the warehouse has had. Raises `NoSuchWarehouse`, `WarehouseClosed`."""
    async with inventory.db.transaction() as tx:
        await must_be_open(tx, warehouse_id)
        count_id = await counts_repository.open_count(tx, warehouse_id, note, skus)
        opened = await _found(tx, count_id)
        after = {"warehouse": warehouse_id, "lines": opened.lines}
        await staff_acts.record(tx, act="count.opened", subject=count_id, after=after)
        return opened


async def count_lines(
    inventory: Inventory, count_id: str, found: Mapping[str, Found], *, user_id: str, if_match: IfMatch
) -> CountRow:
    """What lies there by the word of whoever stands before it, for the first time or again. Nothing is booked.

    Raises `NoSuchCount`, `VersionMismatch`, `WrongState` also for a line that is booked, `NotOnTheDocument`.
    """
    async with inventory.db.transaction() as tx:
        count = await _locked(tx, count_id, if_match)
        known = await counts_repository.lines_to_count(tx, count_id, found)
        if unknown := found.keys() - known.keys():
            raise NotOnTheDocument(unknown)
        if any(known.values()):
            raise WrongState("line", "booked already")
        stock = await stock_repository.lock_stock_rows(tx, found)
        lines = [
            Counted(sku, _on_hand(stock, sku, count.warehouse_id), one.counted, one.reason)
            for sku, one in found.items()
        ]
        await counts_repository.save_counted(tx, count_id, lines, user_id)
        return await _found(tx, count_id)


async def apply_count(
    inventory: Inventory, count_id: str, skus: Collection[str] | None, *, user_id: str, if_match: IfMatch
) -> tuple[CountRow, list[Again]]:
    """Book what is counted, of these SKUs or the next `AT_ONCE` of all; the count, and what must be counted again.

    Raises `NoSuchCount`, `VersionMismatch`, `WrongState`, `NotOnTheDocument`.
    """
    async with inventory.db.transaction() as tx:
        count = await _locked(tx, count_id, if_match)
        if skus is not None:
            known = await counts_repository.lines_to_count(tx, count_id, skus)
            if unknown := set(skus) - known.keys():
                raise NotOnTheDocument(unknown, "skus")
        lines = await counts_repository.unapplied(tx, count_id, skus, AT_ONCE)
        again = await _book(tx, inventory, count, lines, user_id)
        refused = {one.sku for one in again}
        booked = {line.sku: line.counted - line.expected for line in lines if line.sku not in refused}
        await counts_repository.save_applied(tx, count_id, booked, refused)
        await counts_repository.end_count(tx, count_id, canceled=False)
        changed = {sku: difference for sku, difference in booked.items() if difference}
        after = {"booked": len(booked), "differences": changed}
        await staff_acts.record(tx, act="count.applied", subject=count_id, after=after)
        return await _found(tx, count_id), again


async def cancel_count(inventory: Inventory, count_id: str, if_match: IfMatch) -> CountRow:
    """What is not booked will not be; what is stays. Raises `NoSuchCount`, `VersionMismatch`, `WrongState`."""
    async with inventory.db.transaction() as tx:
        await _locked(tx, count_id, if_match)
        await counts_repository.end_count(tx, count_id, canceled=True)
        await staff_acts.record(tx, act="count.canceled", subject=count_id)
        return await _found(tx, count_id)


async def _book(
    tx: Transaction, inventory: Inventory, count: CountRow, lines: Sequence[Counted], user_id: str
) -> list[Again]:
    """The differences, each as a movement, but for those that would leave less than is promised, or that another count
    has overtaken while we waited for its locks."""
    warehouse_id = count.warehouse_id
    different = [line for line in lines if line.counted != line.expected]
    if not different:
        return []
    await movements_repository.know_items(tx, [line.sku for line in different])
    stock = await stock_repository.lock_stock_rows(tx, [line.sku for line in different])
    still = await counts_repository.unapplied(tx, count.id, [line.sku for line in different], AT_ONCE)
    counted = {line.sku for line in still}
    missing = [line.sku for line in different if stock.row(line.sku, warehouse_id) is None]
    for opened in await movements_repository.open_rows(tx, missing, warehouse_id):
        stock.add(opened)
    movements, again = [], []
    for line in different:
        difference = line.counted - line.expected
        row = stock.row(line.sku, warehouse_id)
        assert row is not None, "it was just opened"
        if line.sku not in counted or row.available + difference < 0:
            again.append(Again(line.sku, line.counted, row.reserved))
            continue
        kind = "adjustment" if difference < 0 else "opening" if line.sku in missing else "receipt"
        stock.count(line.sku, warehouse_id, difference)
        movements.append(Movement(line.sku, warehouse_id, kind, difference, line.reason))
    await movements_repository.move(tx, movements, document_id=count.id, user_id=user_id)
    await counts_repository.overtake(tx, warehouse_id, [one.sku for one in movements], by=count.id)
    await fill_backorders(tx, stock)
    await announce_turns(inventory.outbox, tx, stock.turns())
    return again


def _on_hand(stock: StockRows, sku: str, warehouse_id: str) -> int:
    row = stock.row(sku, warehouse_id)
    return 0 if row is None else row.on_hand


async def _locked(tx: Transaction, count_id: str, if_match: IfMatch) -> CountRow:
    found = await counts_repository.lock_count(tx, count_id)
    if found is None:
        raise NoSuchCount
    if_match.check(found.version)
    if found.state is not CountState.OPEN:
        raise WrongState("count", found.state)
    return found


async def _found(tx: Transaction, count_id: str) -> CountRow:
    found = await counts_repository.count(tx, count_id)
    assert found is not None, "its row is ours"
    return found
