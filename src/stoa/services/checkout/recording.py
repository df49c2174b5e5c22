"""Writing down claims and steps: one commit for all checkouts of a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import asyncpg

from stoa.kit.db import Database
from stoa.services.checkout import repository
from stoa.services.checkout.errors import CartBeingBought, LeaseLost
from stoa.services.checkout.repository import Change, Checkout, NewCheckout


async def record_claims(
    db: Database, lease_seconds: float, new: Sequence[NewCheckout]
) -> list[Checkout | Exception | None]:
    """Each as a running checkout of ours, None where its key is taken."""
    claimed = await repository.claim(db, new, db.session, lease_seconds)
    return [claimed.get(one.purchase.checkout_id) for one in new]


async def record_changes(db: Database, lease_seconds: float, changed: Sequence[Change]) -> list[Checkout | Exception]:
    """Each row as it is then; `LeaseLost` in the place of one that somebody else works on.

    One alone is answered with `CartBeingBought` where another checkout has its cart; a batch with such a
    one raises the database's own refusal, and nothing of it is written.
    """
    try:
        saved = await repository.save(db, changed, db.session, lease_seconds)
    except asyncpg.UniqueViolationError as refusal:
        if len(changed) > 1 or refusal.constraint_name != repository.ONE_PER_CART:
            raise
        return [await _being_bought(db, changed[0])]
    return [_after(one, *saved[one.before.id]) if one.before.id in saved else LeaseLost() for one in changed]


async def _being_bought(db: Database, change: Change) -> CartBeingBought:
    bought = change.purchase
    return CartBeingBought(
        await repository.buyer_of(db, bought.bought_cart_id, bought.bought_cart_round, change.before.scope)
    )


def _after(change: Change, version: int, updated_at: datetime) -> Checkout:
    return replace(
        change.before,
        key=None if change.frees_key else change.before.key,
        state=change.state,
        parked_from=change.parked_from,
        step=change.step,
        purchase=change.purchase,
        error=change.error,
        version=version,
        updated_at=updated_at,
    )
