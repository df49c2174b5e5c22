"""What catalog does when something has happened."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from stoa.kit.service import Job
from stoa.services.catalog import brands_repository, product_imports_repository, sellers_repository
from stoa.services.catalog.product_imports import forget_imports
from stoa.services.catalog.public_prices import follow_lists
from stoa.services.catalog.publication import publish_due
from stoa.services.catalog.run_import import import_next
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settle_brands import settle_brands
from stoa.services.catalog.settle_collections import settle_collections
from stoa.services.catalog.settle_sellers import settle_sellers

IN_OTHER_HANDS_SECONDS = 1.0
FORGET_EVERY_SECONDS = 3600.0
IMPORTS_IN_A_ROUND = 50
"""Behind a round is a pause. Small files come by the hundred, and whoever stops the process waits for a round."""


def jobs(catalog: Catalog) -> Sequence[Job]:
    async def settle() -> float | None:
        await settle_sellers(catalog)
        return IN_OTHER_HANDS_SECONDS if await sellers_repository.any_unsettled(catalog.db) else None

    async def settle_names() -> float | None:
        await settle_brands(catalog)
        return IN_OTHER_HANDS_SECONDS if await brands_repository.any_unsettled_name(catalog.db) else None

    async def import_products() -> float | None:
        for _ in range(IMPORTS_IN_A_ROUND):
            if not await import_next(catalog):
                break
        return IN_OTHER_HANDS_SECONDS if await product_imports_repository.any_left(catalog.db) else None

    async def forget() -> None:
        await forget_imports(catalog)

    return [
        Job("settle-sellers", settle),
        Job("settle-brands", settle_names),
        Job("publish", partial(publish_due, catalog)),
        Job("settle-collections", partial(settle_collections, catalog)),
        Job("follow-price-lists", partial(follow_lists, catalog)),
        Job("import-products", import_products),
        Job("forget-imports", forget, every_seconds=FORGET_EVERY_SECONDS),
    ]
