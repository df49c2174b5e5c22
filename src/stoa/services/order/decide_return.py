"""The staff says whether goods may be sent back."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, announcements, repository, return_states, returns_repository
from stoa.services.order.return_states import ReturnStatus
from stoa.services.order.returns_repository import Return
from stoa.services.order.service import Orders


async def approve_return(
    orders: Orders, order_id: str, return_id: str, caller: Principal, *, if_match: IfMatch = ANYTHING
) -> Return:
    """The approved return. `NoSuchReturn`, or `WrongReturnState` unless it is requested."""
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.DECIDE)
        asked = await access.find_return(tx, order, return_id, if_match)
        return_states.check(asked.status, ReturnStatus.APPROVED)
        await returns_repository.change_return(
            tx, asked, ReturnStatus.APPROVED, reason="approved", actor="staff", actor_id=caller.user_id
        )
        version = await repository.touch_order(tx, order_id)
        await orders.outbox.announce_all(tx, [announcements.return_approved(order, version, asked)])
        approved = await access.find_return(tx, order, return_id)
        await access.note_return(tx, asked, approved)
        return approved


async def refuse_return(
    orders: Orders, order_id: str, return_id: str, caller: Principal, reason: str, *, if_match: IfMatch = ANYTHING
) -> Return:
    """The refused return, its units free to be asked for again. `NoSuchReturn`, or `WrongReturnState` where it
    has ended. What was approved may be refused when it turns out to be something else.
    """
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.DECIDE)
        asked = await access.find_return(tx, order, return_id, if_match)
        return_states.check(asked.status, ReturnStatus.REFUSED)
        await returns_repository.change_return(
            tx, asked, ReturnStatus.REFUSED, reason=reason, actor="staff", actor_id=caller.user_id
        )
        await returns_repository.free_units(tx, asked)
        version = await repository.touch_order(tx, order_id)
        await orders.outbox.announce_all(tx, [announcements.return_refused(order, version, asked, reason)])
        refused = await access.find_return(tx, order, return_id)
        await access.note_return(tx, asked, refused, reason)
        return refused
