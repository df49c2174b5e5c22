"""When an order is placed, it can be wrapped; when it is on its way or called off, it cannot any more."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from stoa.kit.crash_points import Reach
from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.service import Handler
from stoa_giftwrap.service import repository


class Placed(msgspec.Struct):
    order_id: str
    user_id: str | None


async def open_wrap(tx: Transaction, event: Event) -> None:
    """An order that was placed can be wrapped."""
    order = event.read(Placed)
    await repository.add_order(tx, order.order_id, order.user_id)


def handlers(reach: Reach) -> Mapping[str, Handler]:
    """By the type of the event."""

    async def close_wrap(tx: Transaction, event: Event) -> None:
        """One that is on its way, or called off, cannot."""
        await repository.close_order(tx, event.subject)
        reach("giftwrap:closed")

    return {"order.placed": open_wrap, "order.shipped": close_wrap, "order.canceled": close_wrap}
