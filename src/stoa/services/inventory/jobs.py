"""What inventory does when it is time."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit import clock
from stoa.kit.service import Job
from stoa.services.inventory import repository
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.service import Inventory


def jobs(inventory: Inventory) -> Sequence[Job]:
    async def expire() -> float | None:
        await expire_holds(inventory)
        return await repository.next_expiry(inventory.db, clock.now())

    return [Job("expire-holds", expire)]
