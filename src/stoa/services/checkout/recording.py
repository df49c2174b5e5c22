"""Writing down claims and steps: one commit for all checkouts of a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from stoa.kit.db import Database
from stoa.services.checkout import repository
from stoa.services.checkout.errors import LeaseLost
from stoa.services.checkout.repository import Change, Checkout, NewCheckout


async def record_claims(
    db: Database, lease_seconds: float, new: Sequence[NewCheckout]
) -> list[Checkout | Exception | None]:
    """Each as a running checkout of ours, None where its key is taken."""
    claimed = await repository.claim(db, new, db.session, lease_seconds)
    return [claimed.get(one.purchase.checkout_id) for one in new]


async def record_changes(db: Database, lease_seconds: float, changed: Sequence[Change]) -> list[Checkout | Exception]:
    """Each row as it is then; `LeaseLost` in the place of one that somebody else works on."""
    saved = await repository.save(db, changed, db.session, lease_seconds)
    return [_after(one, *saved[one.before.id]) if one.before.id in saved else LeaseLost() for one in changed]


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
