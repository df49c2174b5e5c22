"""Backorders: what was promised without being on hand, and how it is filled when goods are there.

A reservation takes what is sellable first; the rest is owed (`owe`). Whatever makes units of a SKU sellable (a count, a
receipt, a return, what somebody gives back) calls `fill_backorders` in its transaction: who was promised first gets
them first. So units are sellable only while nobody waits for them.

All of it happens under the locks of the items, and not under those of the reservations that wait. So who has locked a
reservation with something owed to it looks at it again when he has its items (`as_filled`).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stoa.kit.db import Transaction
from stoa.services.inventory import backorders_repository, repository
from stoa.services.inventory.backorders_repository import Given, Owed
from stoa.services.inventory.reservation import Lines, Reservation
from stoa.services.inventory.states import State
from stoa.services.inventory.stock_rows import StockRows


async def owe(tx: Transaction, reservations: Sequence[Reservation]) -> None:
    """Write down what was promised to these without being on hand, in their order."""
    owed = [Owed(one.id, sku, units, one.later[sku]) for one in reservations for sku, units in one.owed.items()]
    if owed:
        await backorders_repository.owe(tx, owed)


async def as_filled(tx: Transaction, locked: Sequence[Reservation]) -> list[Reservation]:
    """The reservations as they are now that their items are locked too: what was owed may have been filled while we
    waited for these. Nothing that was not owed is given."""
    waiting = [one.key for one in locked if one.owed]
    if not waiting:
        return list(locked)
    now = await repository.reservations(tx, waiting)
    return [_as_now(one, now[one.key]) if one.key in now else one for one in locked]


def _as_now(before: Reservation, now: Reservation) -> Reservation:
    return replace(before, fills=now.fills, owed=now.owed, later=now.later)


async def owe_no_more(tx: Transaction, ended: Sequence[Reservation], stock: StockRows, state: State) -> None:
    """What is owed to these is owed no more: they end as `state`."""
    waiting = [one for one in ended if one.owed]
    if waiting:
        for one in waiting:
            stock.owe_no_more(one.owed)
        because = "expired" if state is State.EXPIRED else "canceled"
        await backorders_repository.owe_no_more(tx, [one.id for one in waiting], because)


async def call_off(tx: Transaction, reservation: Reservation, lines: Lines, stock: StockRows) -> dict[str, int]:
    """What of `lines` is owed to the reservation is owed no more, and the rest stays owed; the units that were not."""
    off = {sku: min(units, reservation.owed.get(sku, 0)) for sku, units in lines.items()}
    if owed := {sku: units for sku, units in off.items() if units}:
        stock.owe_no_more(owed)
        await backorders_repository.call_off(tx, reservation.id, owed)
    return {sku: units - off[sku] for sku, units in lines.items() if units > off[sku]}


async def fill_backorders(tx: Transaction, stock: StockRows) -> None:
    """Give what is sellable to those who wait for it, the first first. The items are locked, and what brought the goods
    is written.

    To an order that is placed it is sold at once; to who is not there yet it is reserved.
    """
    left = stock.to_fill()
    if not left:
        return
    given = []
    for waiting in await backorders_repository.first_waiting(tx, left):
        units = min(waiting.units, left[waiting.sku])
        if units:
            left[waiting.sku] -= units
            sold = waiting.state is State.COMMITTED
            changes = stock.fill(waiting.sku, units, sold=sold)
            given.append(Given(waiting, units, changes))
    assert not any(left.values()), f"nobody waits for {left}"
    await backorders_repository.fill(tx, given)
