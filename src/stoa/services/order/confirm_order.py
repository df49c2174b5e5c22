"""The money was taken: pending orders become confirmed, and everybody is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stoa.kit.batcher import origin_of
from stoa.kit.db import Database, Transaction
from stoa.kit.outbox import Announcement, Outbox
from stoa.services.order import announcements, repository
from stoa.services.order.errors import NoSuchOrder, OrderAbandoned
from stoa.services.order.repository import Order
from stoa.services.order.states import Status


async def confirm_orders(db: Database, outbox: Outbox, order_ids: Sequence[str]) -> list[Order | Exception]:
    """Each order as it is then: a repeat changes nothing and announces nothing.

    In the place of an order `NoSuchOrder`, or `OrderAbandoned` where its checkout had given it up.
    """
    async with db.transaction() as tx:
        confirmed = await repository.confirm_orders(tx, order_ids)
        orders = await repository.read_orders(tx, order_ids)
        traces = {order_id: origin_of(order_id).traceparent for order_id in order_ids}
        announced = [announcements.placed(orders[order_id]) for order_id in sorted(confirmed)]
        announced += await _refund_canceled(tx, orders)
        if announced:
            await outbox.announce_all(tx, [replace(each, traceparent=traces[each.subject]) for each in announced])
    return [_outcome(orders.get(order_id)) for order_id in order_ids]


async def _refund_canceled(tx: Transaction, orders: dict[str, Order]) -> list[Announcement]:
    """An order that its buyer canceled while the payment was on the way is paid now and will not be
    shipped. Its cancellation, silent so far, is announced here, so that the money goes back and the
    stock is free.
    """
    late = sorted(order.id for order in orders.values() if _is_canceled_unpaid(order))
    if not late:
        return []
    refunded = await repository.refund_canceled(tx, late)
    orders.update(await repository.read_orders(tx, late))
    return [
        announcements.canceled(orders[order_id], "canceled before it was paid", orders[order_id].total)
        for order_id in sorted(refunded)
    ]


def _is_canceled_unpaid(order: Order) -> bool:
    return order.status is Status.CANCELED and order.confirmed_at is None


def _outcome(order: Order | None) -> Order | Exception:
    if order is None:
        return NoSuchOrder()
    return OrderAbandoned() if _is_canceled_unpaid(order) else order
