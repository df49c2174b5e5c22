"""The money was taken: pending orders become confirmed, and everybody is told."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stoa.kit.batcher import origin_of
from stoa.kit.db import Database, Transaction
from stoa.kit.outbox import Announcement, Outbox
from stoa.services.order import announcements, placing_repository, repository, standing
from stoa.services.order.errors import NoSuchOrder, OrderAbandoned
from stoa.services.order.repository import Order
from stoa.services.order.states import Status


async def confirm_orders(db: Database, outbox: Outbox, order_ids: Sequence[str]) -> list[Order | Exception]:
    """Each order as it is then: a repeat changes nothing and announces nothing.

    In the place of an order `NoSuchOrder`, or `OrderAbandoned` where its checkout had given it up.
    """
    traces = {order_id: origin_of(order_id).traceparent for order_id in order_ids}

    def traced(announced: Announcement) -> Announcement:
        return replace(announced, traceparent=traces[announced.subject])

    async with db.transaction() as tx:
        orders = await _confirm(tx, order_ids)
        await outbox.announce_all(tx, [traced(announcements.placed(orders[each])) for each in sorted(orders)])
    if others := [order_id for order_id in order_ids if order_id not in orders]:
        async with db.transaction() as tx:
            known, canceled = await _not_pending(tx, others)
            await outbox.announce_all(tx, [traced(each) for each in canceled])
        orders |= known
    return [_outcome(orders.get(order_id)) for order_id in order_ids]


async def _confirm(tx: Transaction, order_ids: Sequence[str]) -> dict[str, Order]:
    """Those that were pending and are confirmed now."""
    orders = await placing_repository.confirm_orders(tx, order_ids)
    # The statement may have waited for the row of one that somebody noted something on, and has seen its lines as they
    # were before.
    if noted := [order.id for order in orders.values() if order.version > placing_repository.CONFIRMED_VERSION]:
        orders |= await repository.read_orders(tx, noted)
    await standing.keep(tx, orders.values())
    return orders


async def _not_pending(tx: Transaction, order_ids: Sequence[str]) -> tuple[dict[str, Order], list[Announcement]]:
    """Those that were confirmed before, or canceled, as they are; and what is to be announced of them.

    An order that its buyer canceled while the payment was on the way is paid now and will not be shipped. Its
    cancellation, silent so far, is announced here, so that the money goes back and the stock is free.
    """
    # Apart from reading, because its checkout may be giving it up: who of the two is second knows of the first. In a
    # transaction of its own, because rows are locked in the order of their ids.
    await repository.lock_orders(tx, order_ids)
    orders = await repository.read_orders(tx, order_ids)
    unpaid = sorted(order.id for order in orders.values() if _is_canceled_unpaid(order))
    if not unpaid:
        return orders, []
    refunded = await placing_repository.refund_canceled(tx, unpaid)
    orders |= await repository.read_orders(tx, unpaid)
    await standing.keep(tx, orders.values())
    return orders, [
        announcements.canceled(orders[order_id], "canceled before it was paid", orders[order_id].total)
        for order_id in sorted(refunded)
    ]


def _is_canceled_unpaid(order: Order) -> bool:
    return order.status is Status.CANCELED and order.confirmed_at is None


def _outcome(order: Order | None) -> Order | Exception:
    # One that is pending still was made after it was asked for.
    if order is None or order.status is Status.PENDING:
        return NoSuchOrder()
    return OrderAbandoned() if _is_canceled_unpaid(order) else order
