"""Reconcile: compare payments with their ledger, their orders and their provider, and keep what differs in sight.

On a timer, of each payment some minutes after it was made, again after a day, a week and a month, and after each
refund; and at once when somebody asks. Nothing is mended here but what `resolve` would find anyway: a person decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from stoa.kit import problems, staff_acts
from stoa.kit.money import total as total_of
from stoa.ports.payment import Said
from stoa.services.payment import drifts_repository
from stoa.services.payment.drift import Drift, drifts_of
from stoa.services.payment.errors import ProviderSilent
from stoa.services.payment.find_payment import payment_of_id
from stoa.services.payment.resolve_payment import resolve
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment, State

ONE_ROUND = 100
"""Payments in one round: the next round takes the rest."""
AT_ONCE = 2
"""How many of a round the provider is asked about at the same time."""


async def reconcile_due(payments: Payments) -> float | None:
    """A round of those that are due; in how many seconds the next are."""
    await _reconcile(payments, await drifts_repository.due(payments.db, ONE_ROUND))
    return await drifts_repository.next_due(payments.db)


async def reconcile_now(payments: Payments, payment_id: str) -> None:
    """The one, for whoever waits. Raises `NoSuchPayment`, and `ProviderSilent` while nobody can say how it stands."""
    payment = await payment_of_id(payments, payment_id)
    if not await _reconcile(payments, [payment]):
        raise ProviderSilent


async def settle_drift(payments: Payments, drift_id: str, note: str) -> None:
    """Somebody has seen to it, and their act is kept. Raises `NotFound` where none of this id is open."""
    async with payments.db.transaction() as tx:
        payment_id = await drifts_repository.settle(tx, drift_id, note)
        if payment_id is None:
            raise problems.NotFound("There is no open drift of this id.", field="drift_id")
        await staff_acts.record(
            tx,
            act="drift.settled",
            subject=payment_id,
            before={"settled": False},
            after={"settled": True},
            reason=note,
        )


async def _reconcile(payments: Payments, asked: Sequence[Payment]) -> bool:
    """Whether all of them could be compared; the others are asked about again in ten minutes."""
    if not asked:
        return True
    said = await _said(payments, asked)
    # Read after the provider has answered: what was booked meanwhile is known.
    of_orders = await drifts_repository.of_orders(payments.db, {one.order_id for one in asked if one.order_id})
    now = {one.id: one for one in of_orders}
    compared = [now[one.id] for one in asked if one.id in said and one.id in now and not now[one.id].unsettled]
    # A tombstone has nothing to compare.
    compared_ids = {one.id for one in compared} | {one.id for one in asked if one.order_id is None}
    stand = await payments.standings({one.order_id for one in compared if one.order_id and one.paid})
    balances = await drifts_repository.balances(payments.db, [one.id for one in compared])
    found: dict[str, list[Drift]] = {}
    for one in compared:
        left = total_of(
            (other.left_to_refund for other in of_orders if other.order_id == one.order_id), one.amount.currency
        )
        found[one.id] = drifts_of(
            one,
            balances=balances[one.id],
            said=said[one.id],
            standing=stand.get(one.order_id or ""),
            left_of_order=left,
        )
    await drifts_repository.record(payments.db, compared_ids, found)
    if others := [one.id for one in asked if one.id not in compared_ids]:
        await drifts_repository.postpone(payments.db, others)
    return not others


async def _said(payments: Payments, asked: Sequence[Payment]) -> dict[str, Said]:
    """What the provider says of each; those of which it says nothing are left out."""
    slots = asyncio.Semaphore(AT_ONCE)
    said: dict[str, Said] = {}

    async def one(payment: Payment) -> None:
        async with slots:
            try:
                if payment.state is State.AUTHORIZED:
                    # It may have been captured there by who died before it was written down.
                    await resolve(payments, payment.key)
                said[payment.id] = await payments.ask(payments.providers.of(payment.provider).query(payment.key))
            except problems.Problem:
                return

    await asyncio.gather(*(one(payment) for payment in asked if payment.order_id is not None))
    return said
