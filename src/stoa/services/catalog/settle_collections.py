"""Which products are in a collection by rules: kept by whoever changes a product, by rounds, and as time passes.

Who changes a product judges it in his transaction, by all rules that look at what he changed. When the rules are
changed, rounds go through the products. Both judge what they have locked, so whoever is second sees the first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from stoa.kit.db import Transaction
from stoa.services.catalog import collections_repository as repository
from stoa.services.catalog.collection_rules import Field, Rules, judged
from stoa.services.catalog.collections_repository import Membership, Seen, Unsettled
from stoa.services.catalog.events import updated
from stoa.services.catalog.service import Catalog

ONE_ROUND = 500
"""Products that a round looks at: some 10 ms, and 150 ms where all of them join or leave and are announced."""

IN_OTHER_HANDS_SECONDS = 1.0

_LOOKED_AT: Mapping[str, Field] = {
    "category": "category",
    "brand": "brand",
    "tags": "tag",
    "specifications": "specification",
    "product_type": "specification",
    "seller_id": "seller",
    "variants": "price",
}


def facts_changed(changed: Collection[str]) -> list[Field]:
    """Which of the facts that rules look at may be other than they were, by what changed of a product."""
    return [field for name, field in _LOOKED_AT.items() if name in changed]


async def place(tx: Transaction, product_ids: Sequence[str], changed: Sequence[Field] | None = None) -> set[str]:
    """Put written products, which the transaction holds, into the collections that they belong to; which of them are
    in others than before. `changed` says of what they are others; None: of anything."""
    if not product_ids or changed == []:
        return set()
    rules = await repository.rules(tx, changed)
    if not rules:
        return set()
    moves = _moves(await repository.seen(tx, product_ids), rules)
    await _write(tx, moves)
    return moves.touched


class _Moves(NamedTuple):
    """Which memberships begin, stay under another date, and end."""

    joined: list[Membership]
    stayed: list[Membership]
    left: list[tuple[str, str]]

    @property
    def touched(self) -> set[str]:
        """Products that are in other collections."""
        return {one.product_id for one in self.joined} | {product_id for _, product_id in self.left}


def _moves(products: Sequence[Seen], rules: Mapping[str, Rules | None]) -> _Moves:
    """Of a collection without rules, which is going, all leave."""
    moves = _Moves([], [], [])
    for product in products:
        for collection_id, known in rules.items():
            is_in = collection_id in product.collections
            holds, until = (False, None) if known is None else judged(known, product.facts, product.now)
            if holds and not is_in:
                moves.joined.append(Membership(collection_id, product.id, 0, until))
            elif holds and until is not None:
                moves.stayed.append(Membership(collection_id, product.id, 0, until))
            elif is_in and not holds:
                moves.left.append((collection_id, product.id))
    return moves


async def _write(tx: Transaction, moves: _Moves) -> None:
    """Of locked products."""
    await repository.join(tx, [*moves.joined, *moves.stayed])
    await repository.leave(tx, moves.left)


# ---------------------------------------------------------------------------------------------------------- the job


async def settle_collections(catalog: Catalog) -> float | None:
    """All that nobody else has in hand; in how many seconds there is more to do."""
    work = await repository.work(catalog.db)
    if work.due:
        async with catalog.db.transaction() as tx:
            await repository.begin_rounds(tx)
    if work.due or work.begun:
        while await one_round(catalog):
            pass
    if work.seconds is not None and work.seconds <= 0:
        await _look_again(catalog)
    if work == (False, False, None):
        return None
    left = await repository.work(catalog.db)
    return IN_OTHER_HANDS_SECONDS if left.due or left.begun else left.seconds


async def one_round(catalog: Catalog) -> bool:
    """Have the next products of one collection follow it, in a transaction; whether there was such a collection.

    A round that was cut short has not happened, and the next goes on where the one before it ended.
    """
    async with catalog.db.transaction() as tx:
        collection = await repository.lock_unsettled(tx)
        if collection is None:
            return False
        products = await _next_products(tx, collection)
        await _settle(tx, catalog, collection, products)
        if len(products) < ONE_ROUND:
            await repository.settled(tx, collection)
        else:
            await repository.settled_to(tx, collection.id, products[-1].id)
        return True


async def _next_products(tx: Transaction, collection: Unsettled) -> list[Seen]:
    """All there are, for new rules; of a collection by hand, and of one that goes, those that are in it."""
    if collection.rules is None or collection.removed:
        return await repository.members_after(tx, collection.settled_to, ONE_ROUND, collection.id)
    return await repository.seen_after(tx, collection.settled_to, ONE_ROUND)


async def _settle(tx: Transaction, catalog: Catalog, collection: Unsettled, products: Sequence[Seen]) -> None:
    keeps_all = collection.rules is None and not collection.removed
    rules = {} if keeps_all else {collection.id: None if collection.removed else collection.rules}
    named = _named(products, collection) if collection.retell else set()
    moves = _moves(products, rules)
    candidates = named | moves.touched | {one.product_id for one in moves.stayed}
    if not candidates:
        return
    # What was read of them may be of before: it is judged again now that nobody else has them.
    await repository.lock_these(tx, candidates)
    moves = _moves(await repository.seen(tx, candidates), rules)
    await _write(tx, moves)
    await tell_changed(tx, catalog, named | moves.touched, ["collections"])


def _named(products: Sequence[Seen], collection: Unsettled) -> set[str]:
    """Those whose messages have its slug."""
    return {product.id for product in products if collection.id in product.collections}


async def _look_again(catalog: Catalog) -> None:
    """At products that belonged to a collection until now."""
    async with catalog.db.transaction() as tx:
        held = await repository.lock_these(tx, await repository.to_look_at_again(tx, ONE_ROUND))
        await tell_changed(tx, catalog, await place(tx, sorted(held), ["created"]), ["collections"])


async def tell_changed(tx: Transaction, catalog: Catalog, product_ids: Collection[str], changed: Sequence[str]) -> None:
    """Of locked products, each one version on: what belongs to them is other than it was, and not their rows."""
    if product_ids:
        told = await repository.one_on(tx, product_ids)
        await catalog.outbox.announce_all(tx, [updated(product, changed) for product in told])
