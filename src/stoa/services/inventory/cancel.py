"""Cancel: an order that had been placed is off, so its goods are available again."""

from __future__ import annotations

import logging

from stoa.kit.db import Transaction
from stoa.kit.outbox import Outbox
from stoa.services.inventory import discrepancies_repository, repository
from stoa.services.inventory.give_back import give_back, lock_or_leave_tombstone
from stoa.services.inventory.restock import put_back_in_stock
from stoa.services.inventory.states import State

log = logging.getLogger(__name__)


async def cancel(tx: Transaction, outbox: Outbox, *, order_id: str, key: str) -> None:
    """Undo whatever the order took. A repeat changes nothing, and so does an order.placed that comes later."""
    found = await lock_or_leave_tombstone(tx, key)
    await discrepancies_repository.settle_order(tx, order_id, "the order was canceled")
    if found.order_canceled:
        return
    if found.order_id not in {None, order_id}:
        log.error("canceled order %s names the reservation of %s", order_id, found.order_id)
        return
    if found.state is State.COMMITTED:
        found.become(State.RELEASED)
        await put_back_in_stock(tx, outbox, found, found.lines, order_id=order_id, return_id=None)
        await repository.end(tx, [found.id], State.RELEASED)
    elif found.state in {State.HELD, State.ALLOCATED}:
        await give_back(tx, outbox, [found], State.RELEASED)
    elif found.state is State.EXPIRED:
        await repository.end(tx, [found.id], State.RELEASED)
    await repository.order_was_canceled(tx, found.id)
