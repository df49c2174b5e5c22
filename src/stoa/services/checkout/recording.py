"""Writing down claims and saves: one commit for a wave of checkouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from stoa.kit.db import Database
from stoa.services.checkout import repository
from stoa.services.checkout.errors import CartBeingBought, LeaseLost
from stoa.services.checkout.repository import Change, Checkout, NewCheckout, Obstacle


class InTheWay(Exception):
    """What was in the way of a claim is over: claim again."""


async def record_claims(
    db: Database, lease_seconds: float, new: Sequence[NewCheckout]
) -> list[Checkout | Exception | None]:
    """Each as a checkout of ours, None where its key is taken; `CartBeingBought` where another buys its cart."""
    claimed = await repository.claim(db, new, db.session, lease_seconds)
    refused = [one for one in new if one.purchase.checkout_id not in claimed]
    obstacles = await repository.obstacles(db, refused) if refused else {}
    return [claimed.get(one.purchase.checkout_id) or _refusal(one, obstacles) for one in new]


def _refusal(new: NewCheckout, obstacles: dict[str, Obstacle]) -> Exception | None:
    obstacle = obstacles[new.purchase.checkout_id]
    if obstacle.key_taken:
        return None
    if obstacle.buyer is None:
        return InTheWay()
    return CartBeingBought(obstacle.buyer if obstacle.scope == new.scope else None)


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
