"""Sell: an order was placed, so what it was promised leaves the shelf."""

from __future__ import annotations

import logging

from stoa.kit.db import Transaction
from stoa.services.inventory import repository
from stoa.services.inventory.release import lock_or_leave_tombstone
from stoa.services.inventory.reservation import Lines, Reservation
from stoa.services.inventory.shelves import Change
from stoa.services.inventory.states import State

log = logging.getLogger(__name__)


async def sell(tx: Transaction, *, order_id: str, number: str, key: str, lines: Lines) -> None:
    """Commit the reservation of a placed order. A repeat, or an order canceled meanwhile, changes nothing.

    A paid order whose reservation is gone is not lost: it is noted as a discrepancy, for somebody to
    count the shelf, because its goods will leave it.
    """
    found = await lock_or_leave_tombstone(tx, key)
    if found.order_id in {None, order_id}:
        if found.order_canceled or found.state is State.COMMITTED:
            return
        if found.state in {State.HELD, State.ALLOCATED}:
            await take_off_the_shelf(tx, found, order_id)
            return
    log.error("order %s is placed but %s", number, found, extra={"order_id": order_id, "reservation_key": key})
    await repository.note_discrepancy(
        tx, "sold_unreserved", order_id=order_id, return_id=None, number=number, detail=str(found), lines=lines
    )


async def take_off_the_shelf(tx: Transaction, reservation: Reservation, order_id: str) -> Reservation:
    """The locked reservation, committed: on hand and reserved go down together, so nothing turns."""
    sold = reservation.become(State.COMMITTED, order_id=order_id)
    await repository.lock_items(tx, sold.skus)
    leaving = [Change(fill.sku, fill.warehouse_id, -fill.quantity, -fill.quantity) for fill in sold.fills]
    await repository.book(tx, "sale", leaving, order_id=order_id)
    await repository.commit(tx, sold.id, order_id)
    return sold
