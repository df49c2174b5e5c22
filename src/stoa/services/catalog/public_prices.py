"""What everybody pays, kept where lists are sorted by it, with its history; and that it follows price lists.

A list begins and ends by its dates, and what is paid with it at once. What shows that is behind by a moment: a job
goes over the variants of the list, in rounds, and notes what they cost since that second. Who changes a product, or
prices in a list, does the same for those in the same transaction. The product's row is held meanwhile, so of two the
later sees what the earlier has done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from stoa.kit import clock
from stoa.kit.db import Transaction
from stoa.kit.money import Money
from stoa.kit.rounds import ONE_ROUND as MOST_REMOVED
from stoa.services.catalog import public_prices_repository as repository
from stoa.services.catalog.events import updated
from stoa.services.catalog.price_lists_repository import PriceList
from stoa.services.catalog.pricing import EVERYBODY, ms_of, price_in
from stoa.services.catalog.public_prices_repository import DueList, Known
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settle_collections import place

ONE_ROUND = 200
"""Variants. Each product stands in a dozen indexes and is announced."""
IN_OTHER_HANDS_SECONDS = 1.0


async def reprice(tx: Transaction, catalog: Catalog, product_ids: Iterable[str], at: datetime) -> None:
    """Note what the variants of held products cost since `at`. A product with one that costs something else has another
    version, and is announced."""
    known = await repository.known_of(tx, product_ids, at)
    changed = await _note(tx, known, {}, at)
    if changed:
        ranges = {each: range_ for each, range_ in _ranges(known, at).items() if each in changed}
        products = await repository.change_prices(tx, ranges)
        moved = await place(tx, list(ranges), ["price"])
        told = {each: ["price", "collections"] if each in moved else ["price"] for each in ranges}
        await catalog.outbox.announce_all(tx, [updated(product, told[product.id]) for product in products])


async def note_saved(tx: Transaction, product_ids: Iterable[str], own_before: Mapping[str, Money]) -> None:
    """The same of products that are written, and announced, just now. `own_before` are the own prices that the variants
    had until now, by their ids."""
    at = clock.now()
    known = await repository.known_of(tx, product_ids, at)
    await _note(tx, known, own_before, at)
    was = {each.product_id: (each.lowest, each.highest) for each in known}
    ranges = {each: range_ for each, range_ in _ranges(known, at).items() if range_ != was[each]}
    if ranges:
        await repository.project_prices(tx, ranges)


async def _note(tx: Transaction, known: Iterable[Known], own_before: Mapping[str, Money], at: datetime) -> set[str]:
    """The ids of the products of those that cost something else from `at` on."""
    noted, changed = [], set()
    for one in known:
        before = one.noted
        if before is None:
            before = own_before.get(one.id, one.own_price).amount
        now = _cost(one, at)
        if now != before:
            if one.noted is None and one.added_at < at:
                noted.append((one.id, one.added_at, before))
            noted.append((one.id, at, now))
            changed.add(one.product_id)
    if noted:
        await repository.note_prices(tx, noted, at)
    return changed


def _cost(one: Known, at: datetime) -> int:
    priced = price_in(EVERYBODY._replace(at_ms=ms_of(at)), 1, one.own_price, one.listed)
    assert priced is not None  # it has its own price
    return priced.price.amount


def _ranges(known: Iterable[Known], at: datetime) -> dict[str, tuple[int, int]]:
    costs: dict[str, list[int]] = {}
    for one in known:
        if not one.is_archived:
            costs.setdefault(one.product_id, []).append(_cost(one, at))
    return {product_id: (min(some), max(some)) for product_id, some in costs.items()}


async def follow_lists(catalog: Catalog) -> float | None:
    """Until all that is due by lists is done, but for what others have in hand; in how many seconds the next is."""
    while await _one_round(catalog):
        pass
    while await _forget_round(catalog):
        pass
    due_at = await repository.next_due(catalog.db)
    return None if due_at is None else max(IN_OTHER_HANDS_SECONDS, (due_at - clock.now()).total_seconds())


async def _one_round(catalog: Catalog) -> bool:
    """Some variants of the list by which something changed first; whether there was one. A round that was cut short has
    not happened."""
    async with catalog.db.transaction() as tx:
        due = await repository.lock_due(tx, clock.now())
        if due is None:
            return False
        variants = await repository.next_of_list(tx, due, ONE_ROUND)
        # Before any product: who makes a list keeps all others from being changed, and then waits for products.
        if len(variants) == ONE_ROUND:
            await repository.set_due(tx, due.id, due.due_at, list(variants)[-1])
        else:
            await repository.set_due(tx, due.id, due_after(due, due.due_at) if due.is_public else None)
        if variants:
            product_ids = set(variants.values())
            await repository.hold_products(tx, product_ids)
            await reprice(tx, catalog, product_ids, due.due_at)
        return True


def due_after(one: DueList | PriceList, at: datetime) -> datetime | None:
    """When everybody pays something else by a list after that."""
    return min((end for end in (one.starts_at, one.ends_at) if end and end > at), default=None)


async def _forget_round(catalog: Catalog) -> bool:
    """Some prices of a list that was ended for good, at last itself; whether there was one."""
    async with catalog.db.transaction() as tx:
        list_id = await repository.lock_archived(tx)
        if list_id is None:
            return False
        if await repository.forget_prices(tx, list_id, MOST_REMOVED) < MOST_REMOVED:
            await repository.forget_list(tx, list_id)
        return True
