"""Give back: what is reserved is available again, for one or for many callers in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from stoa.kit.batcher import origin_of
from stoa.kit.db import Database, Transaction
from stoa.kit.outbox import Outbox
from stoa.kit.problems import Problem
from stoa.services.inventory import backorders, repository, stock_repository
from stoa.services.inventory.errors import ReservationCommitted
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.reservation import KeyTaken, Reservation, until_seen
from stoa.services.inventory.states import State


@dataclass(frozen=True, slots=True)
class Release:
    """Give back what is reserved under `key`; `skus` are what it took, as far as is known before it is locked."""

    key: str
    skus: frozenset[str]


async def release_all(db: Database, outbox: Outbox, releases: Sequence[Release]) -> Sequence[State | Problem]:
    """Answer every release: `released`, or the problem that refuses it alone."""
    return await until_seen(partial(_try, db, outbox, releases))


async def _try(db: Database, outbox: Outbox, releases: Sequence[Release]) -> Sequence[State | Problem]:
    async with db.transaction() as tx:
        known = await repository.lock_reservations(tx, {one.key for one in releases})
        traces = {sku: origin_of(one).traceparent for one in releases for sku in one.skus}
        await release_locked(tx, outbox, list(known.values()), traces)
        await leave_tombstones(tx, {one.key for one in releases} - known.keys())
        return [_answer(known.get(one.key)) for one in releases]


async def release_locked(
    tx: Transaction, outbox: Outbox, reservations: Sequence[Reservation], traces: Mapping[str, str] | None = None
) -> None:
    """What they hold is available again and all end as released, but for those that are sold: these stay."""
    held = [one for one in reservations if one.state in {State.HELD, State.ALLOCATED}]
    if held:
        await give_back(tx, outbox, held, State.RELEASED, traces)
    expired = [one.id for one in reservations if one.state is State.EXPIRED]
    if expired:
        await repository.end(tx, expired, State.RELEASED)


def _answer(before: Reservation | None) -> State | Problem:
    committed = before is not None and before.state is State.COMMITTED
    return ReservationCommitted() if committed else State.RELEASED


async def leave_tombstones(tx: Transaction, unknown: Collection[str]) -> None:
    """Whoever comes with one of these keys comes too late. At last, as Reserve makes its keys: who holds items waits
    for nothing but greater keys.

    Raises `KeyTaken` where there is something to lock under one of them by now: it is too late for that here.
    """
    if unknown and await repository.leave_tombstones(tx, sorted(unknown)) < len(unknown):
        raise KeyTaken


async def lock_or_leave_tombstone(tx: Transaction, key: str) -> Reservation:
    """The reservation under `key`, locked; a released one without lines where there was none."""
    found = await repository.lock_reservation(tx, key)
    if found is None:
        await repository.leave_tombstones(tx, [key])
        # Ours, or that of a Reserve that committed while we waited for its key.
        found = await repository.lock_reservation(tx, key)
    assert found is not None, "reservations are never deleted"
    return found


async def give_back(
    tx: Transaction,
    outbox: Outbox,
    reservations: Sequence[Reservation],
    state: State,
    traces: Mapping[str, str] | None = None,
) -> None:
    """What locked reservations took is available again, and they end as `state`.

    `traces` has the traceparent of whoever gives a SKU back, where that is one of many.
    """
    ended = [reservation.become(state) for reservation in reservations]
    stock = await stock_repository.lock_stock_rows(tx, {sku for one in ended for sku in one.skus})
    ended = await backorders.as_filled(tx, ended)
    for one in ended:
        stock.give_back(one.fills)
    await repository.give_back(tx, stock.changes(), [one.id for one in ended], state)
    await backorders.owe_no_more(tx, ended, stock, state)
    await backorders.fill_backorders(tx, stock)
    await announce_turns(outbox, tx, stock.turns(), traces)
