"""What inventory does on a timer."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.service import Job
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.service import Inventory


def jobs(inventory: Inventory) -> Sequence[Job]:
    async def expire() -> None:
        await expire_holds(inventory)

    return [Job("expire-holds", inventory.settings.expire_every_seconds, expire)]
