"""A checkout that failed gives its order up, in silence: it was never placed."""

from __future__ import annotations

from stoa.services.order import repository, states
from stoa.services.order.errors import WrongState
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


async def abandon_order(orders: Orders, checkout_id: str, reason: str) -> None:
    """The checkout's order is canceled, or refused when it comes later. A repeat changes nothing.

    `WrongState` once the order was confirmed: then nothing is abandoned.
    """
    async with orders.db.transaction() as tx:
        order_id = await repository.abandon_checkout(tx, checkout_id)
        if order_id is None:
            return
        order = await repository.read_order_locked(tx, order_id)
        assert order is not None
        if order.confirmed_at is not None:
            raise WrongState(order.status, Status.CANCELED)
        if order.status is Status.CANCELED:
            return
        states.check(order.status, Status.CANCELED)
        await repository.change_status(
            tx, order, Status.CANCELED, reason=reason or "checkout failed", actor="checkout", actor_id=None
        )
