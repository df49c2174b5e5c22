"""All documents anew, page by page, from what catalog and inventory say now: for what events cannot mend.

What is heard meanwhile is newer than a page that was read before, so it stays: a product by the revision that the
documents had when catalog was asked, a SKU by the version of its stock, which is read before inventory is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.kit import ids
from stoa.services.search import repository
from stoa.services.search.document import ATTRIBUTES, CATEGORIES
from stoa.services.search.feed import ask_available, feed, write_products
from stoa.services.search.repository import Stock
from stoa.services.search.service import Search


class Page(NamedTuple):
    """How many products it had; on the first also how many documents there were."""

    products: int
    documents: int
    next_cursor: str


async def refresh_page(search: Search, cursor: str) -> Page:
    """The page after a cursor, which is the last product's id; attributes and the tree go before the first. Safe to
    repeat. Raises `Unavailable` where a neighbor is."""
    documents = 0
    if not cursor:
        documents = await repository.count_documents(search.db)
        await repository.mark_stale(search.db, [ATTRIBUTES, CATEGORIES], ask=True)
    asked_at = (await repository.head(search.db)).revision
    request = catalog_pb2.ListProductsRequest(cursor=cursor)
    answer = await search.neighbors.catalog.ListProducts(request)
    through = answer.products[-1].id if answer.next_cursor else ids.LAST
    listed = [product.id for product in answer.products]
    await repository.mark_not_listed(search.db, cursor or ids.FIRST, through, listed)
    available = await _stock(search, answer.products)
    if answer.products:
        await write_products(search.db, answer.products, available, asked_at, search.following.worker.wake)
    # The tree, what is not listed, and what of the stock was corrected.
    await feed(search.db, search.neighbors, search.following)
    return Page(len(answer.products), documents, answer.next_cursor)


async def _stock(search: Search, products: Sequence[catalog_pb2.Product]) -> set[str]:
    """Which of their SKUs can be bought, by what inventory says now."""
    skus = [variant.sku for product in products for variant in product.variants]
    known = await repository.known_skus(search.db, skus)
    available = await ask_available(search.neighbors, skus)
    corrected = [Stock(sku, sku in available, version) for sku, version in known.items()]
    await repository.correct_stock(search.db, corrected)
    return available
