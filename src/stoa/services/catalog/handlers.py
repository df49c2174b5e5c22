"""When auth announces that a seller no longer, or again, sells: its products go with that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.service import Handler
from stoa.services.catalog import repository


class SellerChanged(msgspec.Struct):
    seller_id: str
    selling: bool


class UserChanged(msgspec.Struct):
    """`sellers_apart` is missing where an auth of a release announced it that took a user for a seller."""

    user_id: str
    roles: Sequence[str]
    enabled: bool
    sellers_apart: bool = False

    @property
    def may_sell(self) -> bool:
        return self.enabled and not {"seller", "admin"}.isdisjoint(self.roles)


async def _seller_changed(tx: Transaction, event: Event) -> None:
    """From here on nothing of a barred seller is sold; its products follow, in the rounds of `settle_sellers`."""
    seller = event.read(SellerChanged)
    await repository.note_seller(tx, seller.seller_id, event.aggregateversion, barred=not seller.selling)


async def _user_changed(tx: Transaction, event: Event) -> None:
    """The same, from an auth that knows no sellers yet; from any other it says nothing of them."""
    user = event.read(UserChanged)
    if not user.sellers_apart:
        await repository.note_seller(tx, user.user_id, event.aggregateversion, barred=not user.may_sell)


handlers: Mapping[str, Handler] = {"seller.changed": _seller_changed, "user.changed": _user_changed}
"""By the type of the event."""
