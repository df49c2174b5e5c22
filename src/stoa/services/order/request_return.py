"""The buyer asks to send goods back: nothing moves until they are here."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit import ids
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, announcements, repository, returns_repository, states
from stoa.services.order.refunds import check_returnable
from stoa.services.order.repository import Order
from stoa.services.order.returns_repository import Return
from stoa.services.order.service import Orders


async def request_return(
    orders: Orders,
    order_id: str,
    caller: Principal,
    wanted: Sequence[tuple[str, int]],
    reason: str,
    *,
    if_match: IfMatch = ANYTHING,
) -> Return:
    """The request for `wanted` (units by SKU). `WrongState` unless some of the order was shipped;
    `NotInOrder`, `DuplicateLine` or `MoreThanBought` name the line: units are returned, and asked for, once.
    """
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.DECIDE, if_match=if_match)
        asked = await ask(tx, order, caller, wanted, reason)
        version = await repository.touch_order(tx, order_id)
        await orders.outbox.announce_all(tx, [announcements.return_requested(order, version, asked)])
        return asked


async def ask(
    tx: Transaction, order: Order, caller: Principal, wanted: Sequence[tuple[str, int]], reason: str
) -> Return:
    """A requested return of the locked `order`, its units counted as asked for."""
    # Asked of every return, also of a partial one that leaves the order's status as it is.
    states.check_returnable(order.status, sent=bool(order.shipments))
    check_returnable({item.sku: item.bought for item in order.items}, wanted)
    return_id = ids.uuid7()
    actor = access.kind_of(order, caller)
    await returns_repository.add_return(
        tx, return_id, order_id=order.id, reason=reason, lines=wanted, actor=actor, actor_id=caller.user_id
    )
    asked = await returns_repository.read_return(tx, order.id, return_id)
    assert asked is not None
    return asked
