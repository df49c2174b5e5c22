"""Reserve: all lines or none, held or promised to an order, many callers in one transaction of two statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from stoa.kit import clock, context, staff_acts
from stoa.kit.batcher import origin_of
from stoa.kit.db import Database, Transaction
from stoa.kit.outbox import Outbox
from stoa.kit.problems import Problem
from stoa.services.inventory import backorders, holds, repository, stock_repository
from stoa.services.inventory.allocation import Allocation, Strategy
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.holds import Holds, ReservationRequest
from stoa.services.inventory.reservation import KeyTaken, Reservation, until_seen
from stoa.services.inventory.states import State


async def reserve_all(
    db: Database, outbox: Outbox, requests: Sequence[ReservationRequest], strategy: Strategy | None = None
) -> Sequence[Reservation | Problem]:
    """Answer every request, in the order of arrival: the reservation, or the problem that refuses it alone. Its goods
    come from where the `strategy` says; without one from the warehouses in their order."""
    return await until_seen(partial(_try, db, outbox, requests, strategy))


async def _try(
    db: Database, outbox: Outbox, requests: Sequence[ReservationRequest], strategy: Strategy | None
) -> Sequence[Reservation | Problem]:
    async with db.transaction() as tx:
        allocation = None
        if strategy is not None:
            allocation = Allocation(strategy, [one.place for one in await stock_repository.warehouses(tx)])
        decided = await _hold(tx, requests, allocation)
        made, retaken, renewed = (list(part.values()) for part in (decided.made, decided.retaken, decided.renewed))
        if retaken:
            await repository.refill(tx, retaken)
        if retaken or renewed:
            await repository.keep(tx, [*retaken, *renewed])
        await backorders.owe(tx, [*made, *retaken])
        granted = [
            request
            for request, result in zip(requests, decided.results, strict=True)
            if isinstance(result, Reservation)
        ]
        await _keep_acts(tx, {request.key: request for request in reversed(granted)}, made, retaken)
        traces = {sku: origin_of(request).traceparent for request in granted for sku in request.lines}
        await announce_turns(outbox, tx, decided.stock.turns(), traces)
        return decided.results


async def _hold(tx: Transaction, requests: Sequence[ReservationRequest], allocation: Allocation | None) -> Holds:
    """Decide over the stock and write what it takes, and the new reservations."""
    keys = {request.key for request in requests}
    skus = {sku for request in requests for sku in request.lines}
    known, stock = await repository.lock_all(tx, keys, skus)
    while True:
        decided = holds.decide(requests, known, stock, clock.now(), allocation)
        made = list(decided.made.values())
        written = await repository.hold(tx, skus, stock, made)
        if written == len(made):
            return decided
        if written is not None:
            raise KeyTaken
        # Somebody changed it while we waited for his lock. It is ours now, so this happens once. No other reservation
        # is locked that may be there by now: who has items waits for none.
        known, stock = await repository.lock_all(tx, known, skus)


async def _keep_acts(
    tx: Transaction,
    first: Mapping[str, ReservationRequest],
    made: Sequence[Reservation],
    retaken: Sequence[Reservation],
) -> None:
    """What staff took, each in the name of who came `first` under its key. What a checkout holds is nobody's act."""
    expired = {"state": State.EXPIRED}
    for act, before, reservations in (("reservation.made", None, made), ("reservation.retaken", expired, retaken)):
        for reservation in reservations:
            after = {"state": reservation.state, "lines": reservation.lines}
            with context.using(origin_of(first[reservation.key])):
                await staff_acts.record(tx, act=act, subject=reservation.id, before=before, after=after)
