"""When inventory announces that a SKU can no longer, or again, be bought, the lines are marked; when somebody's account
was deleted, their cart goes with what they said of its lines."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.service import Handler
from stoa.services.cart.store import CartStore


class StockChanged(msgspec.Struct, frozen=True):
    sku: str


class UserDeleted(msgspec.Struct, frozen=True):
    user_id: str


def handlers(store: CartStore) -> Mapping[str, Handler]:
    async def sold_out(tx: Transaction, event: Event) -> None:
        await store.mark(tx, event.read(StockChanged).sku, event.aggregateversion, sold_out=True)

    async def back_in_stock(tx: Transaction, event: Event) -> None:
        await store.mark(tx, event.read(StockChanged).sku, event.aggregateversion, sold_out=False)

    async def user_deleted(tx: Transaction, event: Event) -> None:
        await store.forget(tx, event.read(UserDeleted).user_id)

    return {"inventory.sold_out": sold_out, "inventory.back_in_stock": back_in_stock, "user.deleted": user_deleted}
