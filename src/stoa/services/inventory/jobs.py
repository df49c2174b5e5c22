"""What inventory does when it is time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from stoa.kit import clock
from stoa.kit.rounds import in_rounds
from stoa.kit.service import Job
from stoa.services.inventory import movements_repository, repository, subscriptions_repository
from stoa.services.inventory.end_preorders import end_preorders, seconds_to_next
from stoa.services.inventory.expire import expire_holds
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.subscriptions import remove_old, tell_who_waits

MONTHS_AHEAD = 3
"""Each tries every day: so many months may pass in which nobody gets the table for a moment."""
MONTHS_EVERY_SECONDS = 86_400.0
REMOVE_EVERY_SECONDS = 3_600.0


def jobs(inventory: Inventory) -> Sequence[Job]:
    async def expire() -> float | None:
        await expire_holds(inventory)
        return await repository.next_expiry(inventory.db, clock.now())

    async def end_due_preorders() -> float | None:
        await end_preorders(inventory)
        return await seconds_to_next(inventory)

    async def tell() -> float | None:
        await tell_who_waits(inventory)
        return await subscriptions_repository.next_due(inventory.db, clock.now())

    async def remove_old_subscriptions() -> None:
        await in_rounds(partial(remove_old, inventory))

    async def make_months() -> None:
        await movements_repository.make_months(inventory.db, clock.now(), MONTHS_AHEAD)

    return [
        Job("expire-holds", expire),
        Job("end-preorders", end_due_preorders),
        Job("tell-who-waits", tell),
        Job("remove-old-subscriptions", remove_old_subscriptions, every_seconds=REMOVE_EVERY_SECONDS),
        Job("make-movement-months", make_months, every_seconds=MONTHS_EVERY_SECONDS),
    ]
