"""Release: give a hold or an allocation back, or refuse in advance what has not come yet."""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.batcher import FIRST_WAIT_SECONDS
from stoa.kit.db import Transaction, lock_wait
from stoa.services.inventory import repository
from stoa.services.inventory.errors import NoSuchReservation, ReservationCommitted
from stoa.services.inventory.give_back import Release, give_back
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.states import State


async def release(inventory: Inventory, key: str) -> State:
    """The state afterwards, which is `released`; a repeat changes nothing. Raises `ReservationCommitted`.

    After it no Reserve under this key succeeds, whether one came before or is still on its way.
    """
    before = await repository.reservation(inventory.db, key)
    return await inventory.releasing.submit(Release(key, frozenset(before.skus if before else ())))


async def release_of(inventory: Inventory, sku: str, key: str) -> State:
    """The same for a person, who names what is held: all of that reservation, or nothing.

    Raises `NoSuchReservation` where none under this key has the SKU; a slip of the pen refuses nothing in advance.
    """
    # With the key of its request, so not with others. What else is reserved with a held row waits with it: not long.
    with lock_wait(FIRST_WAIT_SECONDS):
        async with inventory.db.transaction() as tx:
            return await _release_of(tx, inventory, sku, key)


async def _release_of(tx: Transaction, inventory: Inventory, sku: str, key: str) -> State:
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
