"""Transfer: goods leave one warehouse, are on the way, and arrive at another, in parts, or not at all.

A transfer's row is locked first, then the items of its lines: two clerks at one transfer go one after the other, and
what a shopper reserves meanwhile is never sent away.
"""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.kit.ids import uuid7
from stoa.services.inventory import (
    movements_repository,
    receipts_repository,
    stock_repository,
    transfers_repository,
)
from stoa.services.inventory.documents_errors import NoSuchTransfer, SameWarehouse
from stoa.services.inventory.goods import bring_in, take_out
from stoa.services.inventory.movements_repository import Movement
from stoa.services.inventory.open_warehouses import must_be_open
from stoa.services.inventory.reservation import Lines
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.transfer import Draft, Transfer, TransferState


async def draft_transfer(inventory: Inventory, draft: Draft, transfer_id: str | None = None) -> Transfer:
    """Nothing moves yet. It gets an id unless it has one. Raises `SameWarehouse`, `NoSuchWarehouse`,
    `WarehouseClosed`."""
    async with inventory.db.transaction() as tx:
        await _check_places(tx, draft)
        transfer_id = transfer_id or uuid7()
        await transfers_repository.add_transfer(tx, transfer_id, draft)
        await staff_acts.record(
            tx,
            act="transfer.drafted",
            subject=transfer_id,
            after={"source": draft.source, "destination": draft.destination, "lines": draft.lines},
        )
        return await _found(tx, transfer_id)


async def edit_transfer(inventory: Inventory, transfer_id: str, draft: Draft, if_match: IfMatch) -> Transfer:
    """A draft says this instead. Raises `NoSuchTransfer`, `VersionMismatch`, `WrongState`, and what a draft raises."""
    async with inventory.db.transaction() as tx:
        before = await _locked(tx, transfer_id, if_match)
        before.must_be(TransferState.DRAFT)
        await _check_places(tx, draft)
        await transfers_repository.replace_transfer(tx, transfer_id, draft)
        await staff_acts.record(
            tx,
            act="transfer.edited",
            subject=transfer_id,
            before={"lines": {line.sku: line.quantity for line in before.lines}},
            after={"source": draft.source, "destination": draft.destination, "lines": draft.lines},
        )
        return await _found(tx, transfer_id)


async def send_transfer(inventory: Inventory, transfer_id: str, *, user_id: str | None, if_match: IfMatch) -> Transfer:
    """All its lines leave the source, or none: what is promised there is never sent away.

    Raises `NoSuchTransfer`, `VersionMismatch`, `WrongState`, and `OutOfStock` with what is available at the source.
    """
    async with inventory.db.transaction() as tx:
        before = await _locked(tx, transfer_id, if_match)
        after = before.sent()
        units = {line.sku: line.quantity for line in after.lines}
        await take_out(tx, inventory, after.source, units, "transfer_out", document_id=after.id, user_id=user_id)
        return await _saved(tx, before, after, units, act="transfer.sent")


async def receive_transfer(
    inventory: Inventory, transfer_id: str, lines: Lines | None, *, user_id: str, if_match: IfMatch
) -> Transfer:
    """So much has arrived, None: all that is on the way. It is on hand at the destination from then on.

    Raises `NoSuchTransfer`, `VersionMismatch`, `WrongState`, `NotOnTheDocument`, `MoreThanOnTheWay`.
    """
    async with inventory.db.transaction() as tx:
        before = await _locked(tx, transfer_id, if_match)
        units = before.on_the_way if lines is None else lines
        after = before.received(units)
        await bring_in(tx, inventory, after.destination, units, "transfer_in", document_id=after.id, user_id=user_id)
        return await _saved(tx, before, after, units, act="transfer.received")


async def lose_transfer(
    inventory: Inventory, transfer_id: str, lines: Lines | None, reason: str, *, user_id: str, if_match: IfMatch
) -> Transfer:
    """So much will not arrive, None: nothing of what is on the way. It is written off where it should have arrived:
    no stock changes, and the two movements say why. Raises the same."""
    async with inventory.db.transaction() as tx:
        before = await _locked(tx, transfer_id, if_match)
        units = before.on_the_way if lines is None else lines
        after = before.lost(units)
        await stock_repository.lock_items(tx, units)
        arrived = [Movement(sku, after.destination, "transfer_in", many, reason) for sku, many in units.items()]
        written_off = [Movement(one.sku, one.warehouse_id, "write_off", -one.quantity, reason) for one in arrived]
        await movements_repository.move(tx, [*arrived, *written_off], document_id=after.id, user_id=user_id)
        return await _saved(tx, before, after, units, act="transfer.lost", reason=reason)


async def cancel_transfer(inventory: Inventory, transfer_id: str, *, user_id: str, if_match: IfMatch) -> Transfer:
    """A draft is off; what is on the way is on hand at its source again.

    Raises `NoSuchTransfer`, `VersionMismatch`, `WrongState`.
    """
    async with inventory.db.transaction() as tx:
        before = await _locked(tx, transfer_id, if_match)
        after = before.canceled()
        if units := before.on_the_way:
            await bring_in(tx, inventory, after.source, units, "transfer_in", document_id=after.id, user_id=user_id)
        return await _saved(tx, before, after, units, act="transfer.canceled")


async def _check_places(tx: Transaction, draft: Draft) -> None:
    if draft.source == draft.destination:
        raise SameWarehouse
    for field, warehouse_id in (("source", draft.source), ("destination", draft.destination)):
        await must_be_open(tx, warehouse_id, field)


async def _locked(tx: Transaction, transfer_id: str, if_match: IfMatch) -> Transfer:
    found = await transfers_repository.lock_transfer(tx, transfer_id)
    if found is None:
        raise NoSuchTransfer
    if_match.check(found.version)
    return found


async def _found(tx: Transaction, transfer_id: str) -> Transfer:
    found = await transfers_repository.transfer(tx, transfer_id)
    assert found is not None, "its row is ours"
    return found


async def _saved(
    tx: Transaction, before: Transfer, after: Transfer, moved: Lines, *, act: str, reason: str = ""
) -> Transfer:
    """It says this now, and so does what is on its way to its destination; the items of what `moved` are locked."""
    await transfers_repository.save_transfer(tx, after)
    await receipts_repository.count_incoming(tx, moved, after.destination)
    await staff_acts.record(tx, act=act, subject=after.id, before=_told(before), after=_told(after), reason=reason)
    return await _found(tx, after.id)


def _told(transfer: Transfer) -> dict[str, object]:
    return {"state": transfer.state, "on_the_way": transfer.on_the_way}
