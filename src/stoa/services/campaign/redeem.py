"""Redeem: count what checkouts use, all that one uses or nothing; many in one transaction of three statements."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from stoa.kit import clock
from stoa.kit.db import Database
from stoa.kit.problems import Problem
from stoa.services.campaign import redemptions_repository as repository
from stoa.services.campaign.counting import Redemption, decide
from stoa.services.campaign.metrics import REDEMPTIONS
from stoa.services.campaign.written_down import WrittenDown, until_seen


async def redeem_all(db: Database, asked: Sequence[Redemption]) -> Sequence[Problem | None]:
    """None for each that is redeemed, now or before; or the problem that refuses it alone. Then nothing has changed."""
    outcomes = await until_seen(partial(_try, db, asked))
    for one in outcomes:
        REDEMPTIONS.labels(one.slug if one else "redeemed").inc()
    return outcomes


async def _try(db: Database, asked: Sequence[Redemption]) -> Sequence[Problem | None]:
    used = {use.campaign_id for one in asked for use in one.uses}
    async with db.transaction() as tx:
        campaigns = await repository.lock_campaigns(tx, used)
        known = await repository.read_known(
            tx,
            {one.checkout_id for one in asked},
            {use.code for one in asked for use in one.uses if use.code},
            campaigns,
            {one.user_id for one in asked if one.user_id is not None},
        )
        decided = decide(asked, campaigns, known, clock.now())
        if decided.rows and not await repository.redeem(tx, decided.rows):
            raise WrittenDown
    return decided.outcomes
