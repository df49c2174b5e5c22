"""When auth announces that somebody may no longer, or again, sell: what he sells goes with that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.service import Handler
from stoa.services.catalog import repository


class UserChanged(msgspec.Struct):
    user_id: str
    roles: Sequence[str]
    enabled: bool

    @property
    def may_sell(self) -> bool:
        return self.enabled and not {"seller", "admin"}.isdisjoint(self.roles)


async def _user_changed(tx: Transaction, event: Event) -> None:
    """From here on nothing of a barred seller is sold; his products follow, in the rounds of `settle_sellers`."""
    user = event.read(UserChanged)
    await repository.note_seller(tx, user.user_id, event.aggregateversion, barred=not user.may_sell)


handlers: Mapping[str, Handler] = {"user.changed": _user_changed}
"""By the type of the event."""
