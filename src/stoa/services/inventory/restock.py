"""Restock: goods that were sent back, or are not to be sent after all, go to the shelves they were sold from, or to the
main warehouse where these are in one that is closed by now."""

from __future__ import annotations

import logging

from stoa.kit.db import Transaction
from stoa.kit.outbox import Outbox
from stoa.services.inventory import (
    backorders,
    discrepancies_repository,
    movements_repository,
    repository,
    stock_repository,
)
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.give_back import lock_or_leave_tombstone
from stoa.services.inventory.open_warehouses import MAIN_WAREHOUSE, to_open_ones
from stoa.services.inventory.reservation import Lines, Reservation, put_back
from stoa.services.inventory.states import State

log = logging.getLogger(__name__)


async def call_off(
    tx: Transaction, outbox: Outbox, *, order_id: str, number: str, source: str, key: str, lines: Lines
) -> None:
    """Units of an order are canceled that were not sent: what of them is not on hand is owed no more, the rest is put
    back, once per `source`. Where all of the order is canceled by now, that gave them back."""
    found = await lock_or_leave_tombstone(tx, key)
    if not found.order_canceled:
        await restock(tx, outbox, order_id=order_id, number=number, return_id=source, key=key, lines=lines, unsent=True)


async def restock(
    tx: Transaction,
    outbox: Outbox,
    *,
    order_id: str,
    number: str,
    return_id: str,
    key: str,
    lines: Lines,
    unsent: bool = False,
) -> None:
    """Put the returned `lines` back, once per `return_id`, and never more than the order took; of what was `unsent`
    what is owed first.

    An order that comes back was placed, even where its order.placed is still on the way: then it is
    sold first. Units that the order never took are noted as a discrepancy.
    """
    if not await discrepancies_repository.note_restock(tx, return_id, order_id):
        return
    found = await lock_or_leave_tombstone(tx, key)
    left = dict(lines)
    if found.order_id in {None, order_id}:
        if found.state in {State.HELD, State.ALLOCATED}:
            found = found.become(State.COMMITTED, order_id=order_id)
            await stock_repository.lock_items(tx, found.skus)
            await repository.sell(tx, {found.id: order_id})
        if found.state is State.COMMITTED:
            left = await put_back_in_stock(
                tx, outbox, found, lines, order_id=order_id, return_id=return_id, unsent=unsent
            )
    if left:
        log.error("order %s sends back %s but %s", number, left, found, extra={"order_id": order_id})
        await discrepancies_repository.note_discrepancy(
            tx, "returned_unsold", order_id=order_id, return_id=return_id, number=number, detail=str(found), lines=left
        )


async def put_back_in_stock(
    tx: Transaction,
    outbox: Outbox,
    reservation: Reservation,
    lines: Lines,
    *,
    order_id: str,
    return_id: str | None,
    unsent: bool = False,
) -> dict[str, int]:
    """Book what was sold of `lines` as on hand again and note it on the locked reservation's lines; without a return
    the order is canceled, and what is owed to it is owed no more. Of what was `unsent` what is owed goes first. Answers
    with the units that were never sold."""
    stock = await stock_repository.lock_stock_rows(tx, reservation.skus)
    (found,) = await backorders.as_filled(tx, [reservation])
    if unsent:
        lines = await backorders.call_off(tx, found, lines, stock)
    back, left = put_back(found.fills, lines)
    shelves = await to_open_ones(tx, back)
    missing = {fill.sku for fill in shelves if stock.row(fill.sku, fill.warehouse_id) is None}
    for opened in await movements_repository.open_rows(tx, missing, MAIN_WAREHOUSE):
        stock.add(opened)
    for fill in shelves:
        stock.count(fill.sku, fill.warehouse_id, fill.quantity)
    if back:
        await stock_repository.book(tx, "return", stock.changes(), order_id=order_id, return_id=return_id)
        await repository.mark_returned(tx, found.id, back)
    if return_id is None:
        await backorders.owe_no_more(tx, [found], stock, State.RELEASED)
    await backorders.fill_backorders(tx, stock)
    await announce_turns(outbox, tx, stock.turns())
    return left
