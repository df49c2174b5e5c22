"""Carts in the service's own PostgreSQL: each step is one transaction under the row locks of its carts."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stoa.kit.db import Database, Transaction
from stoa.kit.many import gathered
from stoa.services.cart import lines, repository
from stoa.services.cart.document import NOTHING_SAID, Cart, Line
from stoa.services.cart.lines import Lines
from stoa.services.cart.store import KEYS_KEPT, Bought, Change, MergeRule, Rule, Tell

if TYPE_CHECKING:
    from stoa.services.cart.store import CartStore


MOST_WAITING = 2
"""How many rounds may wait for a cart at a time, each with a connection: others of the service need some too."""


class PostgresCarts:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting = asyncio.Semaphore(MOST_WAITING)

    async def read_many(self, cart_ids: Collection[str]) -> Mapping[str, Cart]:
        return await repository.read_carts(self._db, cart_ids)

    async def open(self, cart_id: str, user_id: str | None, rule: Rule, key: str | None = None) -> Cart:
        while True:
            async with self._db.transaction() as tx:
                await repository.add_cart(tx, cart_id, user_id)
                changed = await _change(tx, cart_id, rule, key)
            # It was there, and went with its user's account before it was locked.
            if changed is not None:
                return changed

    async def change(self, cart_id: str, rule: Rule, key: str | None = None) -> Cart | None:
        async with self._db.transaction() as tx:
            return await _change(tx, cart_id, rule, key)

    async def merge(self, user_id: str, guest_cart_id: str, rule: MergeRule) -> Cart:
        while True:
            async with self._db.transaction() as tx:
                await repository.add_cart(tx, user_id, user_id)
                # Both at once, in the order of their ids, as everywhere: two merges cannot wait for each other.
                locked = await repository.lock_carts(tx, [user_id, guest_cart_id])
                # As in `open`. It is begun again, because whoever adds it with the guest's locked may wait for who
                # waits for that.
                if user_id in locked:
                    return await _merge(tx, user_id, guest_cart_id, rule)

    async def end_rounds(self, bought: Sequence[Bought]) -> Sequence[Exception | None]:
        once = {each.cart_id: each for each in reversed(bought)}
        left = await repository.end_rounds(self._db, once.values())
        outcomes: list[Exception | None] = [None] * len(bought)
        one_by_one = [n for n, each in enumerate(bought) if each.cart_id in left or each is not once[each.cart_id]]
        results = await gathered(
            (self._end_round(bought[n]) for n in one_by_one), done_already=len(bought) - len(one_by_one)
        )
        for n, result in zip(one_by_one, results, strict=True):
            outcomes[n] = result
        return outcomes

    async def _end_round(self, bought: Bought) -> None:
        """The same under locks: for what somebody holds, has changed just now or has merged into another."""
        merged_into: str | None = None
        async with self._waiting:
            while True:
                async with self._db.transaction() as tx:
                    if merged_into is not None:
                        await repository.lock_carts(tx, [bought.cart_id, merged_into])
                    if await repository.end_round(tx, bought.cart_id, bought.round, merged_into):
                        left = await _take_out(tx, bought.cart_id, bought.lines)
                        if merged_into is not None:
                            await _take_out(tx, merged_into, left)
                        return
                    merged_into = await repository.merged_into(tx, bought.cart_id, bought.round)
                    if merged_into is None:
                        return

    async def mark(self, tx: Transaction, sku: str, version: int, *, sold_out: bool) -> None:
        await repository.mark_sku(tx, sku, version, sold_out=sold_out)

    async def forget(self, tx: Transaction, user_id: str) -> None:
        await repository.remove_cart(tx, user_id)

    async def abandon(self, untouched_since: datetime, most: int, tell: Tell) -> int:
        async with self._db.transaction() as tx:
            left = await repository.abandon(tx, untouched_since, most)
            carts = (await repository.read_carts(tx, left)).values() if left else ()
            await tell(tx, [cart for cart in carts if cart.lines])
            return len(left)

    async def remove_expired(self, untouched_since: datetime, most: int) -> int:
        return await repository.remove_expired(self._db, untouched_since, most)


if TYPE_CHECKING:

    def _keeps(carts: PostgresCarts) -> CartStore:
        return carts


async def _merge(tx: Transaction, user_id: str, guest_cart_id: str, rule: MergeRule) -> Cart:
    """Of locked carts."""
    carts = await repository.read_carts(tx, [user_id, guest_cart_id])
    mine, guests = carts[user_id], carts.get(guest_cart_id)
    merged = rule(mine, guests)
    if guests is None or not guests.by_sku:
        return mine
    await _save(tx, mine, merged)
    await _save(tx, guests, Change({}, saved={}))
    await repository.note_merge(tx, guest_cart_id, user_id)
    return (await repository.read_carts(tx, [user_id]))[user_id]


async def _change(tx: Transaction, cart_id: str, rule: Rule, key: str | None) -> Cart | None:
    if not await repository.lock_carts(tx, [cart_id]):
        # One that somebody makes just now would be read, and is not locked.
        return None
    cart = await repository.read_cart(tx, cart_id)
    if cart is None or key in cart.keys:
        return cart
    if not await _save(tx, cart, rule(cart), key):
        return cart
    return await repository.read_cart(tx, cart_id)


async def _take_out(tx: Transaction, cart_id: str, bought: Lines) -> Lines:
    """From a locked cart; what of it was not there."""
    cart = await repository.read_cart(tx, cart_id)
    if cart is None:
        return bought
    await _save(tx, cart, Change(lines.take_out(cart.quantities, bought)))
    return lines.take_out(bought, cart.quantities)


async def _save(tx: Transaction, cart: Cart, change: Change, key: str | None = None) -> bool:
    """Write what differs from the locked `cart`. Where nothing does, its version stays: False."""
    put, removed = _difference(cart.lines, change.lines, cart, change)
    aside, taken_back = _difference(cart.saved, change.saved_of(cart), cart, change)
    is_changed = bool(put or removed or aside or taken_back)
    if is_changed:
        keys = cart.keys if key is None else (*cart.keys, key)[-KEYS_KEPT:]
        await repository.write_lines(tx, cart.id, put=put, removed=removed, keys=keys)
    if aside or taken_back:
        await repository.write_saved(tx, cart.id, put=aside, removed=taken_back)
    if change.contact != NOTHING_SAID:
        await repository.note_contact(tx, cart.id, change.contact)
    return is_changed or change.contact != NOTHING_SAID


def _difference(before: Iterable[Line], after: Lines, cart: Cart, change: Change) -> tuple[list[Line], list[str]]:
    """Which lines are to be written, and which are gone, of those to be bought or of those that are saved."""
    lines, known = {line.sku: line for line in before}, cart.by_sku
    put = []
    for sku, quantity in after.items():
        line = replace(known.get(sku, Line(sku, 0, False)), quantity=quantity)
        line = replace(line, said=change.said.get(sku, line.said), seen=change.seen.get(sku, line.seen))
        if line != lines.get(sku):
            put.append(line)
    return put, [sku for sku in lines if sku not in after]
