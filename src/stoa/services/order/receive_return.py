"""Goods are back: what they are worth goes back too, and what can be sold again is put on the shelf.

The money is that of the goods, or the less that is left of the payment where staff gave back by hand. What
payment says is asked before the transaction and remembered in it. Should somebody give back by hand between
the two, payment gives what is left then: it decides under its own lock, and says so (`handlers.refund_changed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from stoa.kit import money
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, announcements, changing, return_states, returns_repository, states
from stoa.services.order.refunds import Came, check_received, refund_lines
from stoa.services.order.repository import Order
from stoa.services.order.request_return import ask
from stoa.services.order.return_states import ReturnStatus
from stoa.services.order.returns_repository import Return
from stoa.services.order.service import Orders


async def receive_return(
    orders: Orders,
    order_id: str,
    return_id: str,
    caller: Principal,
    came: Sequence[Came],
    *,
    if_match: IfMatch = ANYTHING,
) -> Return:
    """The return with what really came, which may be less than was asked for. `NoSuchReturn`;
    `WrongReturnState` where it has ended; `NotInReturn`, `DuplicateLine`, `MoreThanAsked` or `MoreUnfitThanCame` name
    the line.

    Money and stock follow order.returned; the order is returned once everything is back.
    """
    paid = await orders.paid_for(await access.find(orders, order_id, caller, access.DECIDE))
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.DECIDE, paid)
        asked = await access.find_return(tx, order, return_id, if_match)
        return_states.check(asked.status, ReturnStatus.RECEIVED)
        check_received({line.sku: line.quantity for line in asked.lines}, came)
        return await book_return(orders, tx, order, asked, came, caller=caller)


async def take_back(
    orders: Orders,
    order_id: str,
    caller: Principal,
    back: Sequence[tuple[str, int]],
    reason: str,
    *,
    if_match: IfMatch = ANYTHING,
) -> Return:
    """Asked for and received in one act of the staff, who has the goods before them. All of it can be sold again.

    Raises what `request_return` raises.
    """
    paid = await orders.paid_for(await access.find(orders, order_id, caller, access.DECIDE))
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.DECIDE, paid, if_match=if_match)
        asked = await ask(tx, order, caller, back, reason)
        came = [Came(sku, quantity, unfit=0) for sku, quantity in back]
        return await book_return(orders, tx, order, asked, came, caller=caller)


async def book_return(
    orders: Orders, tx: Transaction, order: Order, asked: Return, came: Sequence[Came], *, caller: Principal
) -> Return:
    """The locked order's return as received; the order as returned where nothing of it is still out or to be sent."""
    states.check_returnable(order.status, sent=bool(order.shipments))
    worth = refund_lines({item.sku: item.bought for item in order.items}, came)
    refund = money.total((line.net + line.tax for line in worth), order.total.currency)
    refund = min(refund, order.left, key=attrgetter("amount"))
    await returns_repository.receive_return(
        tx, asked, worth, refund_minor=refund.amount, actor="staff", actor_id=caller.user_id
    )
    after = await changing.follow_units(
        tx, order, caller, actor="staff", reason=asked.reason, refund_minor=refund.amount
    )
    await orders.outbox.announce_all(tx, [announcements.returned(after, asked.id, worth, refund)])
    received = await access.find_return(tx, order, asked.id)
    await access.note_return(tx, asked, received, asked.reason)
    return received
