"""When an order is placed, sell what it was promised; when it is canceled or comes back, put that back.

When catalog announces a product, remember who sells it, and look again whether it is for sale where somebody waits for
it; when an account was deleted, it waits for nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from stoa.kit import clock
from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.outbox import Outbox
from stoa.kit.service import Handler
from stoa.services.inventory import repository, stock_repository, subscriptions_repository
from stoa.services.inventory.cancel import cancel
from stoa.services.inventory.give_back import leave_tombstones
from stoa.services.inventory.owners import PRODUCT_EVENTS, learn
from stoa.services.inventory.restock import call_off, restock
from stoa.services.inventory.sell import Sale, sell


class Promised(msgspec.Struct):
    """What all events of orders have."""

    reservation_key: str


class Product(msgspec.Struct):
    """What all events of products have."""

    product_id: str
    skus: list[str]


class UserDeleted(msgspec.Struct):
    user_id: str


class Item(msgspec.Struct):
    sku: str
    quantity: int


class Placed(msgspec.Struct):
    order_id: str
    number: str
    reservation_key: str
    items: list[Item]


class Canceled(msgspec.Struct):
    order_id: str
    reservation_key: str


class ReturnedItem(msgspec.Struct):
    """`restock` of the units can be sold again: all of them where an older version announced it."""

    sku: str
    quantity: int
    restock: int | None = None


class Returned(msgspec.Struct):
    order_id: str
    number: str
    return_id: str
    reservation_key: str
    items: list[ReturnedItem]


class ItemsCanceled(msgspec.Struct):
    order_id: str
    number: str
    source: str
    reservation_key: str
    items: list[Item]


async def handle_batch(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    """Learn at once what products tell, sell at once what was placed, and forget at once who is gone. An order has one
    event here at most, so which of them is first does not matter. Raises `KeyTaken` where a reservation of theirs is
    made at this moment."""
    products = [event for event in events if event.type in PRODUCT_EVENTS]
    await learn(tx, products)
    hidden = await _hidden_of(tx, products)
    orders = [event for event in events if event.type.startswith("order.")]
    placed = [event for event in orders if event.type == "order.placed"]
    others = [event for event in orders if event.type != "order.placed"]
    if others or hidden:
        # They lock one after the other: so first for all of them, in the order of every other act.
        keys = {event.read(Promised).reservation_key for event in orders}
        known = await repository.lock_reservations(tx, keys)
        await stock_repository.lock_items(tx, {*hidden, *(sku for one in known.values() for sku in one.skus)})
        await leave_tombstones(tx, keys - known.keys())
    if placed:
        await sell(tx, [_sale(event) for event in placed])
    if hidden:
        await subscriptions_repository.look_again(tx, hidden, clock.now())
    if gone := [event.read(UserDeleted).user_id for event in events if event.type == "user.deleted"]:
        await subscriptions_repository.forget_users(tx, gone)
    return others


def handlers(outbox: Outbox) -> Mapping[str, Handler]:
    """By the type of the event."""

    async def product_told(tx: Transaction, event: Event) -> None:
        await learn(tx, [event])
        if hidden := await _hidden_of(tx, [event]):
            await stock_repository.lock_items(tx, hidden)
            await subscriptions_repository.look_again(tx, hidden, clock.now())

    async def order_placed(tx: Transaction, event: Event) -> None:
        await sell(tx, [_sale(event)])

    async def order_canceled(tx: Transaction, event: Event) -> None:
        canceled = event.read(Canceled)
        await cancel(tx, outbox, order_id=canceled.order_id, key=canceled.reservation_key)

    async def order_items_canceled(tx: Transaction, event: Event) -> None:
        canceled = event.read(ItemsCanceled)
        await call_off(
            tx,
            outbox,
            order_id=canceled.order_id,
            number=canceled.number,
            source=canceled.source,
            key=canceled.reservation_key,
            lines=_lines(canceled.items),
        )

    async def order_returned(tx: Transaction, event: Event) -> None:
        returned = event.read(Returned)
        await restock(
            tx,
            outbox,
            order_id=returned.order_id,
            number=returned.number,
            return_id=returned.return_id,
            key=returned.reservation_key,
            lines=_fit(returned.items),
        )

    async def user_deleted(tx: Transaction, event: Event) -> None:
        await subscriptions_repository.forget_users(tx, [event.read(UserDeleted).user_id])

    return {
        **dict.fromkeys(PRODUCT_EVENTS, product_told),
        "user.deleted": user_deleted,
        "order.placed": order_placed,
        "order.canceled": order_canceled,
        "order.items_canceled": order_items_canceled,
        "order.returned": order_returned,
    }


async def _hidden_of(tx: Transaction, events: Sequence[Event]) -> set[str]:
    """What somebody waits for of these products, and was not for sale."""
    told = [event.read(Product) for event in events]
    if not told:
        return set()
    skus = {sku for one in told for sku in one.skus}
    return await subscriptions_repository.hidden_of(tx, [one.product_id for one in told], skus)


def _sale(event: Event) -> Sale:
    placed = event.read(Placed)
    return Sale(placed.order_id, placed.number, placed.reservation_key, _lines(placed.items), event.traceparent)


def _fit(items: Iterable[ReturnedItem]) -> dict[str, int]:
    """What goes back on the shelf."""
    units = {item.sku: item.quantity if item.restock is None else item.restock for item in items}
    return {sku: quantity for sku, quantity in units.items() if quantity > 0}


def _lines(items: Iterable[Item]) -> dict[str, int]:
    lines: dict[str, int] = {}
    for item in items:
        lines[item.sku] = lines.get(item.sku, 0) + item.quantity
    return lines
