"""Redrive a checkout that needs attention: it goes on from where it stands, forward or backward as it went."""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.services.checkout import repository
from stoa.services.checkout.errors import NoSuchCheckout, WrongState
from stoa.services.checkout.repository import Checkout
from stoa.services.checkout.service import Checkouts
from stoa.services.checkout.states import State


async def retry(checkouts: Checkouts, checkout_id: str) -> Checkout:
    """The checkout, under way again; it is kept as an act of staff.

    Raises `NoSuchCheckout`, or `WrongState` where it does not need it.
    """
    lease = checkouts.settings.lease_seconds
    async with checkouts.db.transaction() as tx:
        row = await repository.redrive(tx, checkout_id, checkouts.db.session, lease)
        if row is not None:
            await staff_acts.record(
                tx,
                act="checkout.retried",
                subject=checkout_id,
                before={"state": State.NEEDS_ATTENTION},
                after={"state": row.state},
            )
    if row is None:
        found = await repository.by_id(checkouts.db, checkout_id)
        if found is None:
            raise NoSuchCheckout
        raise WrongState(found.state, State.RUNNING)
    checkouts.runner.start(row)
    return row
