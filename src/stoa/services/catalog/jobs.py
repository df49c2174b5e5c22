"""What catalog does when something has happened."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.service import Job
from stoa.services.catalog import repository
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settle_sellers import settle_sellers

IN_OTHER_HANDS_SECONDS = 1.0


def jobs(catalog: Catalog) -> Sequence[Job]:
    async def settle() -> float | None:
        await settle_sellers(catalog)
        return IN_OTHER_HANDS_SECONDS if await repository.any_unsettled(catalog.db) else None

    return [Job("settle-sellers", settle)]
