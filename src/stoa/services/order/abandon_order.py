"""A checkout that failed gives its order up, in silence: it was never placed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stoa.kit.db import Database
from stoa.services.order import placing_repository
from stoa.services.order.errors import WrongState
from stoa.services.order.states import Status


class Abandonment(NamedTuple):
    checkout_id: str
    reason: str


async def abandon_orders(db: Database, given_up: Sequence[Abandonment]) -> list[Exception | None]:
    """The order of each checkout is canceled, or refused when it comes later. A repeat changes nothing.

    `WrongState` in the place of one whose order was confirmed: then nothing of it is abandoned.
    """
    reasons = {each.checkout_id: each.reason or "checkout failed" for each in given_up}
    stand: dict[str, Status] = {}
    async with db.transaction() as tx:
        # Whoever makes one of these orders at this moment is waited for here, so that the next statement sees it.
        buried = await placing_repository.abandon_checkouts(tx, list(reasons))
        if known := reasons.keys() - buried:
            stand = await placing_repository.abandon_orders(tx, {each: reasons[each] for each in known})
    return [
        WrongState(stand[each.checkout_id], Status.CANCELED) if each.checkout_id in stand else None for each in given_up
    ]
