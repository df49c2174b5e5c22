"""What the acts of order work with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.kit.together import Together
from stoa.services.order.abandon_order import Abandonment
from stoa.services.order.allocation import AllocationOf
from stoa.services.order.new_order import NewOrder
from stoa.services.order.payment_now import KeepPayment, PaymentNow
from stoa.services.order.payment_status import PaymentTold
from stoa.services.order.repository import Order
from stoa.services.order.view import OrderView, ShownList

if TYPE_CHECKING:
    from stoa.kit.outbox import Outbox


@dataclass(frozen=True)
class Orders:
    """`creations`, `confirmations` and `abandonments` gather what comes at the same time into one commit.

    `reading` and `listing` are for whoever only looks: what is asked for at the same time is read in one statement.
    `payment_now` asks payment how a payment stands, `keep_payment` to keep it for an order that is to be shipped.
    `allocation_of` asks inventory from where an order leaves, and what of it is not on hand yet.
    """

    db: Database
    outbox: Outbox
    payment_now: PaymentNow
    keep_payment: KeepPayment
    allocation_of: AllocationOf
    creations: Batcher[NewOrder, str]
    confirmations: Batcher[str, Order]
    abandonments: Batcher[Abandonment, None]
    reading: Together[str, Order]
    listing: Together[ShownList, list[OrderView]]

    async def paid_for(self, order: Order) -> PaymentTold | None:
        """How the order's payment stands at this moment; None where it has none, or one that took nothing."""
        return await self.payment_now(order.payment_id) if order.payment_id is not None else None

    async def close(self) -> None:
        """Finish what was taken, and take nothing more."""
        await asyncio.gather(*(each.close() for each in (self.creations, self.confirmations, self.abandonments)))
