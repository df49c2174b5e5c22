"""The buyer or the staff calls an order off, or units of it, before they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from stoa.kit import ids, money
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import (
    access,
    announcements,
    cancellations_repository,
    changing,
    repository,
    standing,
    states,
)
from stoa.services.order.errors import NotPlacedYet
from stoa.services.order.fulfillment import FulfillmentStatus, check_units
from stoa.services.order.refunds import canceled_lines
from stoa.services.order.repository import Order
from stoa.services.order.service import Orders
from stoa.services.order.states import Status


async def cancel_order(
    orders: Orders,
    order_id: str,
    caller: Principal,
    reason: str,
    items: Sequence[tuple[str, int]] | None = None,
    *,
    if_match: IfMatch = ANYTHING,
) -> Order:
    """The order without these units (by SKU), or all that were not sent; with the `reason`, which may be empty.
    `WrongState` where nothing is left to send; `NotInOrder`, `DuplicateLine` or `MoreThanLeft` name the line.

    With the last unit of which none has left the order is canceled, and all that is left of what was paid goes back;
    else what the units are worth, or the less that is left. The stock is free, by order.canceled or
    order.items_canceled. An order that is still pending was never placed, so nobody is told: its checkout is at work,
    and either abandons it or, if it takes the money all the same, confirms it, and `confirm_orders` makes up for it. It
    is canceled whole, or `NotPlacedYet`.
    """
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.CANCEL, if_match=if_match)
        states.check(order.status, Status.CANCELED)
        left = {sku: line.to_ship for sku, line in order.units.items() if line.to_ship}
        if items is not None:
            check_units(order.units, items)
        wanted = dict(left if items is None else items)
        if wanted == left and not order.shipments:
            return await _cancel_whole(orders, tx, order, caller, reason)
        if order.confirmed_at is None:
            raise NotPlacedYet
        return await _cancel_units(orders, tx, order, caller, reason, [*wanted.items()])


async def _cancel_whole(orders: Orders, tx: Transaction, order: Order, caller: Principal, reason: str) -> Order:
    paid = order.confirmed_at is not None
    await repository.cancel_all(tx, order.id)
    await repository.change_status(
        tx,
        order,
        Status.CANCELED,
        FulfillmentStatus.CANCELED,
        reason=reason,
        actor=access.kind_of(order, caller),
        actor_id=caller.user_id,
        refund_minor=order.left.amount if paid else 0,
    )
    await access.note(tx, order, Status.CANCELED, reason)
    canceled = await standing.read_changed(tx, order.id)
    if paid:
        await orders.outbox.announce_all(tx, [announcements.canceled(canceled, reason, order.left)])
    return canceled


async def _cancel_units(  # noqa: PLR0917 - who, what and why
    orders: Orders, tx: Transaction, order: Order, caller: Principal, reason: str, wanted: Sequence[tuple[str, int]]
) -> Order:
    lines = canceled_lines({item.sku: item.bought for item in order.items}, wanted)
    worth = money.total((line.net + line.tax for line in lines), order.total.currency)
    refund = min(worth, order.left, key=attrgetter("amount"))
    cancellation_id, actor = ids.uuid7(), access.kind_of(order, caller)
    await cancellations_repository.add_cancellation(
        tx,
        cancellation_id,
        order_id=order.id,
        reason=reason,
        refund_minor=refund.amount,
        lines=lines,
        actor=actor,
        actor_id=caller.user_id,
    )
    after = await changing.follow_units(tx, order, caller, actor=actor, reason=reason, refund_minor=refund.amount)
    await access.note(tx, order, after.status, reason, act="items_canceled", cancellation_id=cancellation_id)
    fact = announcements.items_canceled(after, cancellation_id, wanted, reason, refund)
    await orders.outbox.announce_all(tx, [fact])
    return after
