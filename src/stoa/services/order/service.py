"""What the acts of order work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.services.order.create_order import NewOrder
from stoa.services.order.repository import Order

if TYPE_CHECKING:
    from stoa.kit.outbox import Outbox


@dataclass(frozen=True)
class Orders:
    """`creations` and `confirmations` gather what comes at the same time into one commit."""

    db: Database
    outbox: Outbox
    creations: Batcher[NewOrder, Order]
    confirmations: Batcher[str, Order]

    async def close(self) -> None:
        """Finish what was taken, and take nothing more."""
        await self.creations.close()
        await self.confirmations.close()
