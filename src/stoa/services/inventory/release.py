"""Release: give a hold or an allocation back, or refuse in advance what has not come yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from stoa.kit import context, staff_acts
from stoa.kit.batcher import FIRST_WAIT_SECONDS, LOOK_AGAIN_SECONDS
from stoa.kit.context import Context
from stoa.kit.db import LOCK_SECONDS, Locked, Transaction, lock_wait
from stoa.services.inventory import repository
from stoa.services.inventory.errors import NoSuchReservation, ReservationCommitted
from stoa.services.inventory.give_back import Release, release_locked
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.states import State


async def release(inventory: Inventory, key: str) -> State:
    """The state afterwards, which is `released`; a repeat changes nothing. Raises `ReservationCommitted`.

    After it no Reserve under this key succeeds, whether one came before or is still on its way.
    """
    [state] = await release_many(inventory, [key], [context.current()])
    if isinstance(state, Exception):
        raise state
    return state


async def release_many(
    inventory: Inventory, keys: Sequence[str], origins: Sequence[Context]
) -> list[State | Exception]:
    """The same for each of the keys, in the context that is its origin."""
    skus = await repository.skus_of(inventory.db, keys)
    return await inventory.releasing.submit_many([Release(key, skus[key]) for key in keys], origins)


async def release_of(inventory: Inventory, sku: str, key: str) -> State:
    """The same for a person, who names what is held: all of that reservation, or nothing.

    Raises `NoSuchReservation` where none under this key has the SKU; a slip of the pen refuses nothing in advance.
    """
    # With the key of its request, so not with others. What else is reserved with a held row waits with it: not long at
    # a time, and in between this waits with nothing in hand, for as long as a session waits for a lock.
    give_up = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            with lock_wait(FIRST_WAIT_SECONDS):
                async with inventory.db.transaction() as tx:
                    return await _release_of(tx, inventory, sku, key)
        except Locked:
            if time.monotonic() > give_up:
                raise
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _release_of(tx: Transaction, inventory: Inventory, sku: str, key: str) -> State:
    reservation = await repository.lock_reservation(tx, key)
    if reservation is None or sku not in reservation.skus:
        raise NoSuchReservation
    if reservation.state is State.COMMITTED:
        raise ReservationCommitted
    await release_locked(tx, inventory.outbox, [reservation])
    if reservation.state is not State.RELEASED:
        await staff_acts.record(
            tx,
            act="reservation.released",
            subject=reservation.id,
            before={"state": reservation.state, "lines": reservation.lines},
            after={"state": State.RELEASED},
        )
    return State.RELEASED
