"""What staff do about a product of anybody's: withhold it, and let it be sold again.

A state of its own beside the seller's: he may go on changing the product, and only staff bring it back.
"""

from __future__ import annotations

from msgspec.structs import replace

from stoa.kit import clock, staff_acts
from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.catalog.change_products import lock_any_product
from stoa.services.catalog.product import Product, Withheld
from stoa.services.catalog.save_products import save
from stoa.services.catalog.service import Catalog


async def withhold(
    catalog: Catalog, id_or_slug: str, by: Principal, reason: str, if_match: IfMatch = ANYTHING
) -> Product:
    """Nobody can see or buy it any more, but those who sell it and staff. A repeat changes nothing."""
    async with catalog.db.transaction() as tx:
        before = await lock_any_product(tx, id_or_slug)
        if_match.check(before.version)
        if before.withheld is not None:
            return before
        withheld = Withheld(clock.now(), by.user_id, reason)
        after = await save(tx, catalog, before, replace(before, withheld=withheld))
        await staff_acts.record(
            tx,
            act="product.withheld",
            subject=before.id,
            before={"standing": before.standing},
            after={"standing": after.standing},
            reason=reason,
        )
        return after


async def reinstate(catalog: Catalog, id_or_slug: str, reason: str, if_match: IfMatch = ANYTHING) -> Product:
    """It stands again as its seller says. A repeat changes nothing."""
    async with catalog.db.transaction() as tx:
        before = await lock_any_product(tx, id_or_slug)
        if_match.check(before.version)
        if before.withheld is None:
            return before
        after = await save(tx, catalog, before, replace(before, withheld=None))
        await staff_acts.record(
            tx,
            act="product.reinstated",
            subject=before.id,
            before={"standing": before.standing},
            after={"standing": after.standing},
            reason=reason,
        )
        return after
