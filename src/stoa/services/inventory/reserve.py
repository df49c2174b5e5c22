"""Reserve: all lines or none, held or promised to an order, many callers in one transaction of six statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from stoa.kit import clock, context, staff_acts
from stoa.kit.batcher import origin_of
from stoa.kit.db import Database, Transaction
from stoa.kit.outbox import Outbox
from stoa.kit.problems import Problem
from stoa.services.inventory import holds, repository
from stoa.services.inventory.events import announce_zero_crossings
from stoa.services.inventory.holds import ReservationRequest
from stoa.services.inventory.reservation import KeyTaken, Reservation, until_seen
from stoa.services.inventory.states import State


async def reserve_all(
    db: Database, outbox: Outbox, requests: Sequence[ReservationRequest]
) -> Sequence[Reservation | Problem]:
    """Answer every request, in the order of arrival: the reservation, or the problem that refuses it alone."""
    return await until_seen(partial(_try, db, outbox, requests))


async def _try(db: Database, outbox: Outbox, requests: Sequence[ReservationRequest]) -> Sequence[Reservation | Problem]:
    async with db.transaction() as tx:
        known = await repository.lock_reservations(tx, {request.key for request in requests})
        stock = await repository.lock_stock_rows(tx, {sku for request in requests for sku in request.lines})
        decided = holds.decide(requests, known, stock, clock.now())
        made, retaken, renewed = (list(part.values()) for part in (decided.made, decided.retaken, decided.renewed))
        if made or retaken:
            count = await repository.hold(tx, stock.changes(), made)
            if count < len(made):
                raise KeyTaken
        if retaken:
            await repository.refill(tx, retaken)
        if retaken or renewed:
            await repository.keep(tx, [*retaken, *renewed])
        granted = [
            request
            for request, result in zip(requests, decided.results, strict=True)
            if isinstance(result, Reservation)
        ]
        await _keep_acts(tx, {request.key: request for request in reversed(granted)}, made, retaken)
        traces = {sku: origin_of(request).traceparent for request in granted for sku in request.lines}
        await announce_zero_crossings(outbox, tx, stock.zero_crossings(), traces)
        return decided.results


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
