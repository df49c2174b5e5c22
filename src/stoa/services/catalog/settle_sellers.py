"""When a seller was barred, or may sell again: his products say so, one round after the other."""

from __future__ import annotations

from stoa.services.catalog import sellers_repository
from stoa.services.catalog.events import updated
from stoa.services.catalog.service import Catalog

ONE_ROUND = 200
"""Products. Each stands in sixteen indexes and is announced: some 60 ms, less than what auth tells of him waits."""


async def settle_sellers(catalog: Catalog) -> None:
    """Until no seller that nobody else has in hand has products that say otherwise than what is known of him."""
    while await one_round(catalog):
        pass


async def one_round(catalog: Catalog) -> bool:
    """Turn and announce so many products of one seller, in a transaction; whether there was such a seller.

    A round that was cut short has not happened, and the next goes on where the one before it ended.
    """
    async with catalog.db.transaction() as tx:
        seller = await sellers_repository.lock_unsettled_seller(tx)
        if seller is None:
            return False
        changed = await sellers_repository.settle_products(tx, seller, ONE_ROUND)
        await catalog.outbox.announce_all(tx, [updated(product, ["standing"]) for product in changed])
        if len(changed) < ONE_ROUND:
            await sellers_repository.seller_settled(tx, seller.id)
        return True
