"""From when until when a product is sold: its dates, and the job that keeps it to them.

The database says what time it is, to whoever writes a product and to every process that runs the job. A product that
falls due is turned under its lock and by one of them; who finds it locked comes again.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from stoa.services.catalog import publication_repository as repository
from stoa.services.catalog.errors import UnpublishedBeforePublished
from stoa.services.catalog.events import updated

if TYPE_CHECKING:
    from stoa.services.catalog.service import Catalog

ONE_ROUND = 200
"""Products. Each stands in sixteen indexes and is announced: some 60 ms."""


def check_dates(publish_at: datetime | None, unpublish_at: datetime | None) -> None:
    """Raise unless a product may be sold between these."""
    if publish_at is not None and unpublish_at is not None and unpublish_at <= publish_at:
        raise UnpublishedBeforePublished


async def publish_due(catalog: Catalog) -> float | None:
    """Turn what is due; in how many seconds the next is."""
    seconds = await repository.seconds_to_next(catalog.db)
    while seconds is not None and seconds <= 0:
        if not await one_round(catalog):
            return seconds
        seconds = await repository.seconds_to_next(catalog.db)
    return seconds


async def one_round(catalog: Catalog) -> int:
    """Turn and announce some of the products that are due and that nobody else has in hand; how many."""
    async with catalog.db.transaction() as tx:
        turned = await repository.turn_due(tx, ONE_ROUND)
        await catalog.outbox.announce_all(tx, [updated(product, ["standing"]) for product in turned])
        return len(turned)
