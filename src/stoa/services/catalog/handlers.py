"""When auth announces that somebody may no longer, or again, sell: what he sells goes with that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.outbox import Outbox
from stoa.kit.service import Handler
from stoa.services.catalog import repository
from stoa.services.catalog.events import updated


class UserChanged(msgspec.Struct):
    user_id: str
    roles: Sequence[str]
    enabled: bool

    @property
    def may_sell(self) -> bool:
        return self.enabled and not {"seller", "admin"}.isdisjoint(self.roles)


async def together(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    """Lock all their products in the order of their ids, as whoever removes a category does."""
    await repository.lock_products_of_sellers(tx, {event.subject for event in events})
    return events


def handlers(outbox: Outbox) -> Mapping[str, Handler]:
    """By the type of the event."""

    async def user_changed(tx: Transaction, event: Event) -> None:
        user = event.read(UserChanged)
        barred = not user.may_sell
        if await repository.note_seller(tx, user.user_id, event.aggregateversion, barred=barred):
            changed = await repository.bar_products(tx, user.user_id, barred=barred)
            await outbox.announce_all(tx, [updated(product) for product in changed])

    return {"user.changed": user_changed}
