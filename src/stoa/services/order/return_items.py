"""Goods come back after shipping: all of an order, or some of it, in as many parts as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stoa.kit import ids, money
from stoa.kit.context import Principal
from stoa.kit.money import Money
from stoa.services.order import access, announcements, repository, states
from stoa.services.order.refunds import ReturnedLine, refund_lines
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


@dataclass(frozen=True, slots=True)
class Return:
    id: str
    order_id: str
    lines: Sequence[ReturnedLine]
    reason: str
    refund: Money
    created_at: datetime


async def return_items(
    orders: Orders, order_id: str, caller: Principal, back: Sequence[tuple[str, int]], reason: str
) -> Return:
    """What came back (`back`: units by SKU), and what it refunds; the order is returned once everything is back.

    `WrongState` unless it was shipped; `NotInOrder`, `DuplicateLine` or `MoreThanBought` name the line.
    Shipping is not refunded. Stock and money follow order.returned.
    """
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller)
        # Asked first and of every return, also of a partial one that leaves the order's status as it is.
        states.check(order.status, Status.RETURNED)
        lines = refund_lines({item.sku: item.bought for item in order.items}, back)
        refund = money.total((line.net + line.tax for line in lines), order.total.currency)
        return_id = ids.uuid7()
        created_at = await repository.add_return(
            tx, return_id, order_id=order_id, reason=reason, refund_minor=refund.amount, lines=lines
        )
        still_out = sum(item.quantity - item.returned_quantity for item in order.items)
        if sum(line.quantity for line in lines) == still_out:
            await repository.change_status(
                tx,
                order,
                Status.RETURNED,
                reason=reason,
                actor=access.kind_of(order, caller),
                actor_id=caller.user_id,
                refund_minor=refund.amount,
            )
        else:
            await repository.add_refund(tx, order_id, refund.amount)
        after = await repository.read_order(tx, order_id)
        assert after is not None
        await orders.outbox.announce_all(tx, [announcements.returned(after, return_id, lines, refund)])
    return Return(return_id, order_id, lines, reason, refund, created_at)
