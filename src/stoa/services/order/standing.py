"""How orders stand is kept with them, because they are listed by it. The rules are elsewhere, and pure: here what they
say is written where it has changed, in the transaction that changed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from stoa.kit.db import Transaction
from stoa.services.order import repository
from stoa.services.order.fulfillment import FulfillmentStatus, status_by
from stoa.services.order.payment_status import PaymentStatus
from stoa.services.order.repository import Order, Standing
from stoa.services.order.states import Status


async def read_changed(tx: Transaction, order_id: str) -> Order:
    """The locked order, of which something was changed, its standing written down."""
    order = await repository.read_order(tx, order_id)
    assert order is not None
    await keep(tx, [order])
    return order


async def keep(tx: Transaction, orders: Iterable[Order]) -> None:
    """Write down how these locked orders stand, those of which something else is written."""
    changed = {order.id: order.standing for order in orders if order.standing != order.kept}
    if changed:
        await repository.keep_standings(tx, changed)


async def hear(tx: Transaction, payment_ids: Iterable[str]) -> None:
    """Of these payments something was told, and their orders are locked: write down how they stand now."""
    facts = await repository.read_payment_facts(tx, payment_ids)
    changed = {order_id: known.status for order_id, (kept, known) in facts.items() if kept != known.status}
    if changed:
        await repository.keep_payment_statuses(tx, changed)


def possible(
    status: Status | None, payment: PaymentStatus | None, fulfillment: FulfillmentStatus | None
) -> list[Standing]:
    """All that an order can be which has these; None: any. The state of an order follows from what has left of it, or
    nothing has: so there are few."""
    open_ones = (Status.PENDING, Status.CONFIRMED, Status.PROCESSING)
    pairs = {(status_by(before, each), each) for before, each in product(open_ones, FulfillmentStatus)}
    return [
        Standing(state, paid, left)
        for state, left in sorted(pairs)
        for paid in ([payment] if payment is not None else PaymentStatus)
        if status in {None, state} and fulfillment in {None, left}
    ]
