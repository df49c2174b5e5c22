"""Release: give a hold or an allocation back, or refuse in advance what has not come yet."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Outbox
from stoa.services.inventory import repository
from stoa.services.inventory.errors import NoSuchReservation, ReservationCommitted
from stoa.services.inventory.events import announce_turns
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.states import State


async def release(inventory: Inventory, key: str) -> State:
    """The state afterwards, which is `released`; a repeat changes nothing. Raises `ReservationCommitted`.

    After it no Reserve under this key succeeds, whether one came before or is still on its way.
    """
    async with inventory.db.transaction() as tx:
        return await _release(tx, inventory, await lock_or_leave_tombstone(tx, key))


async def release_of(inventory: Inventory, sku: str, key: str) -> State:
    """The same for a person, who names what is held: all of that reservation, or nothing.

    Raises `NoSuchReservation` where none under this key has the SKU; a slip of the pen refuses nothing in advance.
    """
    async with inventory.db.transaction() as tx:
        reservation = await repository.lock_reservation(tx, key)
        if reservation is None or sku not in reservation.skus:
            raise NoSuchReservation
        after = await _release(tx, inventory, reservation)
        if after is not reservation.state:
            await staff_acts.record(
                tx,
                act="reservation.released",
                subject=reservation.id,
                before={"state": reservation.state, "lines": reservation.lines},
                after={"state": after},
            )
        return after


async def _release(tx: Transaction, inventory: Inventory, reservation: Reservation) -> State:
    if reservation.state is State.COMMITTED:
        raise ReservationCommitted
    if reservation.state in {State.HELD, State.ALLOCATED}:
        await give_back(tx, inventory.outbox, [reservation], State.RELEASED)
    elif reservation.state is State.EXPIRED:
        await repository.end(tx, [reservation.id], State.RELEASED)
    return State.RELEASED


async def lock_or_leave_tombstone(tx: Transaction, key: str) -> Reservation:
    """The reservation under `key`, locked; a released one without lines where there was none."""
    found = await repository.lock_reservation(tx, key)
    if found is None:
        await repository.leave_tombstone(tx, uuid7(), key)
        # Ours, or that of a Reserve that committed while we waited for its key.
        found = await repository.lock_reservation(tx, key)
    assert found is not None, "reservations are never deleted"
    return found


async def give_back(tx: Transaction, outbox: Outbox, reservations: Sequence[Reservation], state: State) -> None:
    """What locked reservations took is available again, and they end as `state`."""
    ended = [reservation.become(state) for reservation in reservations]
    shelves = await repository.lock_shelves(tx, {sku for one in ended for sku in one.skus})
    for one in ended:
        shelves.give_back(one.fills)
    await repository.shift_reserved(tx, shelves.changes())
    await repository.end(tx, [one.id for one in ended], state)
    await announce_turns(outbox, tx, shelves.turns())
