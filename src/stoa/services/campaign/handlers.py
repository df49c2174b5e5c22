"""When an order is canceled, what it used may be used again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.services.campaign import redemptions_repository as repository
from stoa.services.campaign.release import release_known


class Canceled(msgspec.Struct):
    order_id: str


async def give_back(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    """All at once, so that campaigns are locked in the order of every other act. Most orders have used nothing."""
    if used := await repository.checkouts_of(tx, {event.read(Canceled).order_id for event in events}):
        await release_known(tx, used)
    return []


async def order_canceled(tx: Transaction, event: Event) -> None:
    await give_back(tx, [event])
