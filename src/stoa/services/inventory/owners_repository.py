"""The SQL of who sells what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stoa.kit.db import Db, later


class Owner(NamedTuple):
    """Who sells a SKU (None: the shop itself), as of a version of its product."""

    sku: str
    seller_id: str | None
    product_version: int


OWNERS_OF = "SELECT sku, seller_id, product_version FROM owners WHERE sku = ANY($1::text[])"


async def owners_of(db: Db, skus: Sequence[str]) -> dict[str, Owner]:
    """Of those of which something was told."""
    return {row["sku"]: Owner(*row) for row in await db.fetch(OWNERS_OF, list(skus))}


# In the order of the SKUs, as everybody locks; what is older than what is known changes nothing.
LEARN_OWNERS = """
    INSERT INTO owners AS known (sku, seller_id, product_version)
    SELECT sku, seller_id, product_version
    FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS told (sku, seller_id, product_version)
    ORDER BY sku
    ON CONFLICT (sku) DO UPDATE SET seller_id = excluded.seller_id, product_version = excluded.product_version
    WHERE excluded.product_version > known.product_version
"""


async def learn_owners(db: Db, told: Sequence[Owner]) -> None:
    """Each SKU once; what is older than what is known is not believed."""
    if told:
        await later(
            db,
            LEARN_OWNERS,
            [one.sku for one in told],
            [one.seller_id for one in told],
            [one.product_version for one in told],
        )
