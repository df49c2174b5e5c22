"""Redrive a checkout that needs attention: it goes on from where it stands, forward or backward as it went."""

from __future__ import annotations

from stoa.services.checkout import repository
from stoa.services.checkout.errors import NoSuchCheckout, WrongState
from stoa.services.checkout.repository import Checkout
from stoa.services.checkout.service import Checkouts
from stoa.services.checkout.states import State


async def retry(checkouts: Checkouts, checkout_id: str) -> Checkout:
    """The checkout, under way again. Raises `NoSuchCheckout`, or `WrongState` where it does not need it."""
    lease = checkouts.settings.lease_seconds
    row = await repository.redrive(checkouts.db, checkout_id, checkouts.db.session, lease)
    if row is None:
        found = await repository.by_id(checkouts.db, checkout_id)
        if found is None:
            raise NoSuchCheckout
        raise WrongState(found.state, State.RUNNING)
    checkouts.runner.start(row)
    return row
