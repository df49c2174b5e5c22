"""A reservation as the acts see it, and how what comes back is spread over what was taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from stoa.services.inventory import states
from stoa.services.inventory.promise import Later
from stoa.services.inventory.states import State

T = TypeVar("T")

Lines = Mapping[str, int]
"""Units by SKU, each at least one."""


class KeyTaken(Exception):
    """Another transaction made a reservation under one of our keys between our look and our insert."""


async def until_seen(attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` answers, begun again for each `KeyTaken`: the other's row is committed by then and seen the next
    time, so this ends."""
    while True:
        try:
            return await attempt()
        except KeyTaken:
            continue


class Fill(msgspec.Struct, frozen=True):
    """What is taken of one SKU from one warehouse, and how much of that was put back after it was sold."""

    sku: str
    warehouse_id: str
    quantity: int
    returned: int = 0


class Reservation(msgspec.Struct, frozen=True):
    """`fills` stand in the order in which warehouses are drawn from; a tombstone has none. What is `owed` is promised
    too, by SKU, each SKU as `later` says, and not on hand yet (it was, where the reservation has ended): who reads it
    before its items are locked reads it again then (`as_filled`)."""

    id: str
    key: str
    state: State
    fills: tuple[Fill, ...] = ()
    expires_at: datetime | None = None
    order_id: str | None = None
    order_canceled: bool = False
    owed: Lines = {}
    later: Mapping[str, Later] = {}

    @property
    def lines(self) -> dict[str, int]:
        """Units by SKU, in the order of the SKUs: what was asked for."""
        lines = dict(self.owed)
        for fill in self.fills:
            lines[fill.sku] = lines.get(fill.sku, 0) + fill.quantity
        return dict(sorted(lines.items()))

    @property
    def still_owed(self) -> Lines:
        """What of it is to come: nothing, once it has ended without a sale."""
        return {} if self.state in {State.RELEASED, State.EXPIRED} else self.owed

    @property
    def skus(self) -> set[str]:
        return {*self.owed, *(fill.sku for fill in self.fills)}

    def __str__(self) -> str:
        if not self.skus:
            return "nothing was reserved"
        promised = f" for order {self.order_id}" if self.order_id else ""
        return f"the reservation is {self.state}{promised}"

    def become(self, state: State, **changes: Any) -> Reservation:
        """The same reservation in another state. Raises `ImpossibleTransition`."""
        states.check(self.state, state)
        return replace(self, state=state, **changes)


def put_back(fills: Sequence[Fill], lines: Lines) -> tuple[list[Fill], dict[str, int]]:
    """Spread returned `lines` over the `fills` they were sold from, in their order.

    Answers with what goes back where (as fills of that quantity), and with the units that were never
    sold or are back already.
    """
    left = dict(lines)
    back = []
    for fill in fills:
        units = min(left.get(fill.sku, 0), fill.quantity - fill.returned)
        if units > 0:
            back.append(Fill(fill.sku, fill.warehouse_id, units))
            left[fill.sku] -= units
    return back, {sku: units for sku, units in left.items() if units > 0}
