"""Reserve: hold all lines or none, many callers in one transaction of six statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoa.kit import clock, context, staff_acts
from stoa.kit.batcher import origin_of
from stoa.kit.db import Database, Transaction
from stoa.kit.outbox import Outbox
from stoa.kit.problems import Problem
from stoa.services.inventory import holds, repository
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.holds import Wish
from stoa.services.inventory.reservation import KeyTaken, Reservation
from stoa.services.inventory.states import State


async def reserve_all(db: Database, outbox: Outbox, wishes: Sequence[Wish]) -> Sequence[Reservation | Problem]:
    """Answer every wish, in the order of arrival: the reservation, or the problem that refuses it alone."""
    while True:
        try:
            return await _try(db, outbox, wishes)
        except KeyTaken:
            # The other's row is committed now: next time it is seen, so this ends.
            continue


async def _try(db: Database, outbox: Outbox, wishes: Sequence[Wish]) -> Sequence[Reservation | Problem]:
    async with db.transaction() as tx:
        known = await repository.lock_reservations(tx, {wish.key for wish in wishes})
        shelves = await repository.lock_shelves(tx, {sku for wish in wishes for sku in wish.lines})
        decided = holds.decide(wishes, known, shelves, clock.now())
        made, retaken, renewed = (list(part.values()) for part in (decided.made, decided.retaken, decided.renewed))
        if made or retaken:
            count = await repository.hold(tx, shelves.changes(), made)
            if count < len(made):
                raise KeyTaken
        if retaken:
            await repository.refill(tx, retaken)
        if retaken or renewed:
            await repository.hold_again(tx, [*retaken, *renewed])
        granted = [
            wish for wish, result in zip(wishes, decided.results, strict=True) if isinstance(result, Reservation)
        ]
        await _keep_acts(tx, {wish.key: wish for wish in reversed(granted)}, made, retaken)
        traces = {sku: origin_of(wish).traceparent for wish in granted for sku in wish.lines}
        await announce_turns(outbox, tx, shelves.turns(), traces)
        return decided.results


async def _keep_acts(
    tx: Transaction, first: Mapping[str, Wish], made: Sequence[Reservation], retaken: Sequence[Reservation]
) -> None:
    """What staff took, each in the name of who came `first` under its key. What a checkout holds is nobody's act."""
    for reservation in made:
        with context.using(origin_of(first[reservation.key])):
            await staff_acts.record(
                tx,
                act="reservation.made",
                subject=reservation.id,
                after={"state": reservation.state, "lines": reservation.lines},
            )
    for reservation in retaken:
        with context.using(origin_of(first[reservation.key])):
            await staff_acts.record(
                tx,
                act="reservation.retaken",
                subject=reservation.id,
                before={"state": State.EXPIRED},
                after={"state": reservation.state, "lines": reservation.lines},
            )
