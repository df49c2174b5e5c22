"""The feed: what may not be as its document says is asked for, in batches, and written.

Events only mark what is stale (`handlers`), because no call leaves a transaction. A round reads the marks, asks
catalog for the products and inventory for SKUs that nobody has told of, and writes what differs under the next
revisions, all in one transaction that also takes the marks away: those that are still as they were read. So a round
that is killed is done again, two processes may do the same one, and what changed meanwhile is looked at once more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.contracts.inventory.v1 import inventory_pb2
from stoa.kit.db import Database, Transaction, after_commit
from stoa.kit.telemetry import metrics
from stoa.services.search import attributes_repository, document, repository
from stoa.services.search.attributes import Attribute, attribute_of
from stoa.services.search.document import ATTRIBUTES, CATEGORIES, WALK, Tree
from stoa.services.search.following import Following
from stoa.services.search.repository import CategoryRow, Kept, Selling, Stale
from stoa.services.search.service import Neighbors

log = logging.getLogger(__name__)

MOST_AT_ONCE = 100
"""Products in one round: as many as catalog answers in one call."""
STEP = 1000
"""Products that are marked at once, where all are."""
NO_PRODUCTS = frozenset((ATTRIBUTES, CATEGORIES))
"""Among what is stale."""
MOST_SKUS = 1000
"""In one question to inventory."""

Products = Sequence[catalog_pb2.Product]


async def feed(db: Database, neighbors: Neighbors, following: Following) -> None:
    """Rounds until nothing is stale, no faster than the index of this process follows, which is woken after each that
    changed something. Raises `Unavailable` where somebody who is asked is: what is not done stays marked."""
    while stale := await repository.stale(db, MOST_AT_ONCE):
        await _one_round(db, neighbors, stale, following.worker.wake)
        await following.keep_up()


async def _one_round(db: Database, neighbors: Neighbors, stale: Sequence[Stale], written: Callable[[], None]) -> None:
    walks = [one for one in stale if one.subject.startswith(WALK)]
    for walk in walks:
        await repository.step(db, walk, WALK, STEP)
    stale = [one for one in stale if one not in walks]
    told = await _ask(db, neighbors, stale)
    if told.categories is None and not await _are_known(db, told.products):
        # A category of a moment ago: its own event is on its way.
        await repository.mark_stale(db, [CATEGORIES], ask=True)
        return
    async with db.transaction() as tx:
        revision = await repository.hold_feed(tx)
        await _keep_skus(tx, told.products, told.available)
        still = await repository.hold_stale(tx, [one.subject for one in stale])
        tree: Tree = await repository.categories(tx)
        if told.categories is not None and CATEGORIES in still:
            tree = await _keep_tree(tx, tree, told.categories)
        if told.attributes is not None and ATTRIBUTES in still:
            await _keep_attributes(tx, told.attributes, written)
        products = {product.id: product for product in told.products if product.id in still}
        missing = (still & told.asked) - products.keys()
        standing = still - NO_PRODUCTS - products.keys() - missing
        await _write(tx, revision, await _changed(tx, tree, products, standing, missing), written)
        await repository.no_longer_stale(tx, stale)


class _Told(NamedTuple):
    """What those who know say of what is stale: of the products that were `asked` for those that there are, and of
    their SKUs nobody has told of those that can be bought. None: they were not asked."""

    asked: frozenset[str]
    products: Products
    available: Collection[str]
    categories: Sequence[CategoryRow] | None
    attributes: Sequence[Attribute] | None


async def _ask(db: Database, neighbors: Neighbors, stale: Sequence[Stale]) -> _Told:
    subjects = {one.subject for one in stale}
    asked = frozenset(one.subject for one in stale if one.ask) - NO_PRODUCTS
    products = await _products(neighbors, asked)
    return _Told(
        asked=asked,
        products=products,
        available=await ask_unknown(db, neighbors, products),
        categories=await _tree(neighbors) if CATEGORIES in subjects else None,
        attributes=await _attributes(neighbors) if ATTRIBUTES in subjects else None,
    )


async def _are_known(db: Database, products: Products) -> bool:
    """Whether all are in categories of the tree as it was told last, or in none."""
    named = {product.category_id for product in products if product.category_id}
    return named <= (await repository.categories(db)).keys()


async def write_products(
    db: Database, products: Products, available: Collection[str], asked_at: int, written: Callable[[], None]
) -> None:
    """The documents of products as catalog lists them, for whoever builds all of them anew, whatever version they had:
    a catalog that was restored has older ones. What was written since the revision at which it was asked is newer."""
    async with db.transaction() as tx:
        revision = await repository.hold_feed(tx)
        await _keep_skus(tx, products, available)
        tree = await repository.categories(tx)
        newer = await repository.written_since(tx, [product.id for product in products], asked_at)
        told = {product.id: product for product in products if product.id not in newer}
        await _write(tx, revision, await _changed(tx, tree, told, whatever_version=True), written)


async def ask_unknown(db: Database, neighbors: Neighbors, products: Products) -> set[str]:
    """Of their SKUs that nobody has told of, those that can be bought."""
    skus = [variant.sku for product in products for variant in product.variants]
    known = await repository.known_skus(db, skus) if skus else {}
    return await ask_available(neighbors, [sku for sku in skus if sku not in known])


async def ask_available(neighbors: Neighbors, skus: Sequence[str]) -> set[str]:
    """Those of them that inventory has something of. Never with a transaction open."""
    found: set[str] = set()
    for start in range(0, len(skus), MOST_SKUS):
        request = inventory_pb2.GetStockRequest(skus=skus[start : start + MOST_SKUS])
        found |= {one.sku for one in (await neighbors.inventory.GetStock(request)).stock if _to_promise(one) > 0}
    return found


def _to_promise(stock: inventory_pb2.Stock) -> int:
    """An older process knows no backorders."""
    return stock.available_to_promise if stock.HasField("available_to_promise") else stock.available


async def _products(neighbors: Neighbors, ids: Collection[str]) -> list[catalog_pb2.Product]:
    found: list[catalog_pb2.Product] = []
    left = sorted(ids)
    while left:
        answer = await neighbors.catalog.GetProducts(catalog_pb2.GetProductsRequest(ids=left))
        found += answer.products
        left = list(answer.left)
    return found


async def _tree(neighbors: Neighbors) -> list[CategoryRow]:
    answer = await neighbors.catalog.ListCategories(catalog_pb2.ListCategoriesRequest())
    return [document.category_row(one) for one in answer.categories]


async def _attributes(neighbors: Neighbors) -> list[Attribute]:
    found: list[Attribute] = []
    cursor = ""
    while True:
        answer = await neighbors.catalog.ListAttributes(catalog_pb2.ListAttributesRequest(cursor=cursor))
        found += map(attribute_of, answer.attributes)
        cursor = answer.next_cursor
        if not cursor:
            return found


async def _keep_skus(tx: Transaction, products: Products, available: Collection[str]) -> None:
    owners = {variant.sku: product.id for product in products for variant in product.variants}
    await repository.keep_skus(tx, owners, available)


async def _keep_tree(tx: Transaction, before: Tree, fresh: Collection[CategoryRow]) -> Tree:
    """The tree as it is by now. The products in what changed are looked at in rounds of their own."""
    tree = {one.id: one for one in fresh}
    if before != tree:
        await repository.keep_categories(tx, fresh, document.changed_categories(before, tree))
    return tree


async def _keep_attributes(tx: Transaction, fresh: Sequence[Attribute], written: Callable[[], None]) -> None:
    """No document changes with them: each process has them in memory."""
    if {one.name: one for one in fresh} != {one.name: one for one in await attributes_repository.attributes(tx)}:
        await attributes_repository.keep_attributes(tx, fresh)
        after_commit(written)


async def _changed(
    tx: Transaction,
    tree: Tree,
    told: Mapping[str, catalog_pb2.Product],
    standing: Collection[str] = (),
    missing: Collection[str] = (),
    *,
    whatever_version: bool = False,
) -> list[Kept]:
    """What differs: of those that catalog has `told` of, and of those whose stock, category or popularity may be
    another. What catalog does not know at all is `missing`."""
    ids = [*told, *standing, *missing]
    if not ids:
        return []
    known = await repository.kept(tx, ids)
    selling = await repository.selling(tx, ids)
    stood = {one: _stood(known[one], tree, selling[one]) for one in standing if one in known}
    await repository.mark_stale(tx, [one for one, now in stood.items() if now is None], ask=True)
    now = [
        *(_told(product, tree, selling[product.id]) for product in told.values()),
        *(one for one in stood.values() if one is not None),
        *(known[one]._replace(document=None) for one in missing if one in known),
    ]
    return [one for one in now if _differs(one, known.get(one.product_id), whatever_version=whatever_version)]


async def _write(tx: Transaction, revision: int, changed: Sequence[Kept], written: Callable[[], None]) -> None:
    """Under the next revisions."""
    if changed:
        revisions = range(revision + 1, revision + 1 + len(changed))
        await repository.advance(tx, revisions[-1])
        await repository.write(tx, changed, revisions)
        after_commit(written)


def _told(product: catalog_pb2.Product, tree: Tree, selling: Selling) -> Kept:
    """Only what stands active is found, and of that not what catalog tells in a way that nobody here understands: the
    others do not wait for it."""
    found = None
    if product.standing == "active":
        try:
            found = document.document_of(product, tree, selling)
        except Exception as bad:
            log.error("a product cannot be found", extra={"product": product.id}, exc_info=bad)
            metrics.SEARCH_SET_ASIDE.inc()
    encoded = None if found is None else document.encoded(found)
    return Kept(product.id, product.version, product.category_id or None, encoded)


def _stood(known: Kept, tree: Tree, selling: Selling) -> Kept | None:
    """The same product as it stands now. None where its document cannot be read: catalog tells it again."""
    if known.document is None:
        return known
    try:
        before = document.decoded(known.document, 0)
        after = document.as_it_stands(before, known.category_id, tree, selling)
    except msgspec.MsgspecError:
        return None
    return known._replace(document=document.encoded(after))


def _differs(now: Kept, known: Kept | None, *, whatever_version: bool) -> bool:
    """What is older than what is known, and what is as it was, is not written."""
    if known is None:
        return now.document is not None
    if now.product_version < known.product_version and not whatever_version:
        return False
    return now != known
