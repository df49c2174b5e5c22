"""Sell: orders were placed, so what they were promised leaves the shelf."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from stoa.kit import context
from stoa.kit.db import Transaction
from stoa.services.inventory import repository
from stoa.services.inventory.give_back import lock_or_leave_tombstone
from stoa.services.inventory.reservation import Lines, Reservation
from stoa.services.inventory.states import State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sale:
    """A placed order: `lines` are what it sold, `key` is the reservation's, `traceparent` that of its event."""

    order_id: str
    number: str
    key: str
    lines: Lines
    traceparent: str


async def sell(tx: Transaction, sales: Sequence[Sale]) -> None:
    """Commit the reservations of placed orders. A repeat, or an order canceled meanwhile, changes nothing.

    A paid order whose reservation is gone is not lost: it is noted as a discrepancy, for somebody to
    count the shelf, because its goods will leave it.
    """
    known = await repository.lock_reservations(tx, {sale.key for sale in sales})
    leaving = []
    for sale in sales:
        found = known.get(sale.key) or await lock_or_leave_tombstone(tx, sale.key)
        if found.order_id in {None, sale.order_id}:
            if found.order_canceled or found.state is State.COMMITTED:
                continue
            if found.state in {State.HELD, State.ALLOCATED}:
                known[sale.key] = found.become(State.COMMITTED, order_id=sale.order_id)
                leaving.append(known[sale.key])
                continue
        # Sales share a transaction, and each has a trace of its own.
        with context.using(context.fresh(traceparent=sale.traceparent)):
            log.error("order %s is placed but %s", sale.number, found, extra={"order_id": sale.order_id})
        await repository.note_discrepancy(
            tx,
            "sold_unreserved",
            order_id=sale.order_id,
            return_id=None,
            number=sale.number,
            detail=str(found),
            lines=sale.lines,
        )
    await take_out_of_stock(tx, leaving)


async def take_out_of_stock(tx: Transaction, sold: Sequence[Reservation]) -> None:
    """Write locked reservations as committed: on hand and reserved go down together, so nothing turns."""
    if sold:
        await repository.lock_items(tx, {sku for one in sold for sku in one.skus})
        await repository.sell(tx, sold)
