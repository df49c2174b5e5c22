"""Release: give back what checkouts have used, once, or refuse in advance what has not come yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from stoa.kit.db import Database, Transaction
from stoa.services.campaign import redemptions_repository as repository
from stoa.services.campaign.written_down import WrittenDown, until_seen


async def release_all(db: Database, checkout_ids: Sequence[str]) -> Sequence[None]:
    """After it no Redeem of these checkouts succeeds, whether one came before or is still on its way."""
    await until_seen(partial(_try, db, checkout_ids))
    return [None] * len(checkout_ids)


async def _try(db: Database, checkout_ids: Sequence[str]) -> None:
    async with db.transaction() as tx:
        unknown = set(checkout_ids) - await release_known(tx, checkout_ids)
        if unknown and not await repository.leave_tombstones(tx, unknown):
            raise WrittenDown


async def release_known(tx: Transaction, checkout_ids: Collection[str]) -> set[str]:
    """The same of those that have used something; which are released then, or were."""
    used = await repository.lock_redeemed(tx, checkout_ids)
    return await repository.release(tx, used, checkout_ids)
