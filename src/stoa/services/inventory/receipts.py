"""Receipt: goods that were ordered of a supplier come in, in parts, and the rest does not come.

A receipt's row is locked first, then the items of its lines: what two clerks unpack of one delivery is booked once.
"""

from __future__ import annotations

from datetime import date

import msgspec
from msgspec.structs import replace

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.kit.ids import uuid7
from stoa.services.inventory import movements_repository, receipts_repository, stock_repository
from stoa.services.inventory.documents_errors import NoSuchReceipt
from stoa.services.inventory.goods import bring_in
from stoa.services.inventory.open_warehouses import must_be_open
from stoa.services.inventory.receipt import Order, Receipt
from stoa.services.inventory.reservation import Lines
from stoa.services.inventory.service import Inventory


class Told(msgspec.Struct, frozen=True):
    """What a supplier may still say of what is expected."""

    supplier: str
    reference: str
    expected_on: date | None
    note: str


async def expect_goods(inventory: Inventory, order: Order, receipt_id: str | None = None) -> Receipt:
    """Nothing has come yet. It gets an id unless it has one. Raises `NoSuchWarehouse`, `WarehouseClosed`."""
    async with inventory.db.transaction() as tx:
        await must_be_open(tx, order.warehouse_id)
        receipt_id = receipt_id or uuid7()
        await receipts_repository.add_receipt(tx, receipt_id, order)
        await movements_repository.know_items(tx, order.lines)
        await stock_repository.lock_items(tx, order.lines)
        await receipts_repository.count_incoming(tx, order.lines, order.warehouse_id)
        await staff_acts.record(
            tx,
            act="receipt.expected",
            subject=receipt_id,
            after={"warehouse": order.warehouse_id, "lines": order.lines},
        )
        return await _found(tx, receipt_id)


async def edit_receipt(inventory: Inventory, receipt_id: str, told: Told, if_match: IfMatch) -> Receipt:
    """Its supplier, its day and what is noted of it. Raises `NoSuchReceipt`, `VersionMismatch`, `WrongState`."""
    async with inventory.db.transaction() as tx:
        before = await _locked(tx, receipt_id, if_match)
        before.must_be_expected()
        after = replace(before, **msgspec.structs.asdict(told))
        await receipts_repository.save_receipt(tx, after)
        await staff_acts.record(
            tx,
            act="receipt.edited",
            subject=receipt_id,
            before={"expected_on": before.expected_on},
            after={"expected_on": after.expected_on},
        )
        return await _found(tx, receipt_id)


async def receive_goods(
    inventory: Inventory, receipt_id: str, lines: Lines | None, *, over: bool, user_id: str, if_match: IfMatch
) -> Receipt:
    """So much has come, None: all that was still to come. It is on hand from then on.

    More than was ordered is booked where somebody says `over`: it lies on the shelf, whoever pays for it. Raises
    `NoSuchReceipt`, `VersionMismatch`, `WrongState`, `NotOnTheDocument`, `MoreThanOrdered`.
    """
    async with inventory.db.transaction() as tx:
        before = await _locked(tx, receipt_id, if_match)
        units = before.incoming if lines is None else lines
        after = before.received(units, over=over)
        await bring_in(tx, inventory, after.warehouse_id, units, "receipt", document_id=after.id, user_id=user_id)
        return await _saved(tx, before, after, units, act="receipt.received")


async def cancel_goods(
    inventory: Inventory, receipt_id: str, lines: Lines | None, reason: str, if_match: IfMatch
) -> Receipt:
    """So much will not come, None: nothing of what was still to come. Raises the same."""
    async with inventory.db.transaction() as tx:
        before = await _locked(tx, receipt_id, if_match)
        units = before.incoming if lines is None else lines
        after = before.canceled(units)
        await stock_repository.lock_items(tx, units)
        return await _saved(tx, before, after, units, act="receipt.canceled", reason=reason)


async def _locked(tx: Transaction, receipt_id: str, if_match: IfMatch) -> Receipt:
    found = await receipts_repository.lock_receipt(tx, receipt_id)
    if found is None:
        raise NoSuchReceipt
    if_match.check(found.version)
    return found


async def _found(tx: Transaction, receipt_id: str) -> Receipt:
    found = await receipts_repository.receipt(tx, receipt_id)
    assert found is not None, "its row is ours"
    return found


async def _saved(
    tx: Transaction, before: Receipt, after: Receipt, units: Lines, *, act: str, reason: str = ""
) -> Receipt:
    """It says this now, and so does what is on its way; the items of the `units` are locked."""
    await receipts_repository.save_receipt(tx, after)
    await receipts_repository.count_incoming(tx, units, after.warehouse_id)
    await staff_acts.record(tx, act=act, subject=after.id, before=_told(before), after=_told(after), reason=reason)
    return await _found(tx, after.id)


def _told(receipt: Receipt) -> dict[str, object]:
    return {"state": receipt.state, "incoming": receipt.incoming}
