"""A return is called off before the goods came: by the buyer, or by the staff for a buyer who asks."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import access, repository, return_states, returns_repository
from stoa.services.order.return_states import ReturnStatus
from stoa.services.order.returns_repository import Return
from stoa.services.order.service import Orders


async def cancel_return(
    orders: Orders, order_id: str, return_id: str, caller: Principal, if_match: IfMatch = ANYTHING
) -> Return:
    """The canceled return, its units free to be asked for again. `NoSuchReturn`, or `WrongReturnState` where
    it has ended. Nobody is told: who called it off knows.
    """
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.DECIDE)
        asked = await access.find_return(tx, order, return_id, if_match)
        return_states.check(asked.status, ReturnStatus.CANCELED)
        actor = access.kind_of(order, caller)
        await returns_repository.change_return(
            tx, asked, ReturnStatus.CANCELED, reason="called off", actor=actor, actor_id=caller.user_id
        )
        await returns_repository.free_units(tx, asked)
        await repository.touch_order(tx, order_id)
        canceled = await access.find_return(tx, order, return_id)
        await access.note_return(tx, asked, canceled)
        return canceled
