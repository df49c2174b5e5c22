"""The state of an order follows from its units and parcels, whatever changed these."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.services.order import repository, standing, states
from stoa.services.order.fulfillment import status_by
from stoa.services.order.repository import Order


async def follow_units(
    tx: Transaction, order: Order, caller: Principal, *, actor: str, reason: str, refund_minor: int = 0
) -> Order:
    """The locked `order` one version on, in the state that its units and parcels say, which were just changed.
    `refund_minor` more is to go back."""
    changed = await repository.read_order(tx, order.id)
    assert changed is not None
    status = status_by(order.status, changed.fulfillment)
    if status is order.status:
        await repository.touch_order(tx, order.id, refund_minor)
    else:
        states.check(order.status, status)
        await repository.change_status(
            tx,
            order,
            status,
            changed.fulfillment,
            reason=reason,
            actor=actor,
            actor_id=caller.user_id,
            refund_minor=refund_minor,
        )
    return await standing.read_changed(tx, order.id)
