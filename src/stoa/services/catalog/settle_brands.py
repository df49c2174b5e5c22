"""When a brand was renamed or merged: its products bear its name, one round after the other."""

from __future__ import annotations

from stoa.services.catalog import brands_repository as repository
from stoa.services.catalog.events import updated
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settle_collections import place

ONE_ROUND = 200
"""Products, as in a round of `settle_sellers`."""


async def settle_brands(catalog: Catalog) -> None:
    """Until no name that nobody else has in hand is that of a product whose brand has another."""
    while await one_round(catalog):
        pass


async def one_round(catalog: Catalog) -> bool:
    """Rename and announce so many products of one name, in a transaction; whether there was such a name.

    A round that was cut short has not happened, and the next goes on where the one before it ended.
    """
    async with catalog.db.transaction() as tx:
        name = await repository.lock_unsettled_name(tx)
        if name is None:
            return False
        changed = await repository.rename_products(tx, name, ONE_ROUND)
        moved = await place(tx, [product.id for product in changed], ["brand"])
        told = [updated(product, ["brand", "collections"] if product.id in moved else ["brand"]) for product in changed]
        await catalog.outbox.announce_all(tx, told)
        if len(changed) < ONE_ROUND:
            await repository.name_settled(tx, name.name)
        return True
