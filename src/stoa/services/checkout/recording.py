"""Writing down claims and saves: one commit for a wave of checkouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from stoa.kit.db import Database
from stoa.services.checkout import repository
from stoa.services.checkout.errors import CartBeingBought, LeaseLost
from stoa.services.checkout.purchase import KeptAnswer
from stoa.services.checkout.repository import Checkout, CheckoutChange, NewCheckout, Obstacle
from stoa.services.checkout.saga import Run
from stoa.services.checkout.waves import CohortPlace

Claimed = Run | KeptAnswer | None
"""The run of a claim that was written, or the answer of one that is refused already; None where its key is taken."""


@dataclass(frozen=True)
class Claim:
    """By somebody who has this place in a cohort."""

    new: NewCheckout
    place: CohortPlace


class InTheWay(Exception):
    """What was in the way of a claim is over: claim again."""


async def record_claims(
    db: Database, lease_seconds: float, start: Callable[[Checkout, CohortPlace], Run], claims: Sequence[Claim]
) -> list[Claimed | Exception]:
    """What was written is started here, whatever becomes of who asked for it: nobody else would before its lease is
    over. `CartBeingBought` where another buys its cart."""
    rows = await repository.claim(db, [claim.new for claim in claims], db.session, lease_seconds)
    places = {claim.new.purchase.checkout_id: claim.place for claim in claims}
    claimed = {row.id: row.purchase.answer or start(row, places[row.id]) for row in rows.values()}
    refused = [claim.new for claim in claims if claim.new.purchase.checkout_id not in claimed]
    obstacles = await repository.obstacles(db, refused) if refused else {}
    return [claimed.get(claim.new.purchase.checkout_id) or _refusal(claim.new, obstacles) for claim in claims]


def _refusal(new: NewCheckout, obstacles: dict[str, Obstacle]) -> Exception | None:
    obstacle = obstacles[new.purchase.checkout_id]
    if obstacle.key_taken:
        return None
    if obstacle.buyer is None:
        return InTheWay()
    return CartBeingBought(obstacle.buyer if obstacle.scope == new.scope else None)


async def record_changes(
    db: Database, lease_seconds: float, changed: Sequence[CheckoutChange]
) -> list[Checkout | Exception]:
    """Each row as it is then; `LeaseLost` in the place of one that somebody else works on."""
    saved = await repository.save(db, changed, db.session, lease_seconds)
    return [_after(one, *saved[one.before.id]) if one.before.id in saved else LeaseLost() for one in changed]


def _after(change: CheckoutChange, version: int, updated_at: datetime) -> Checkout:
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
