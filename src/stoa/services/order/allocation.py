"""From which warehouses an order leaves, and what of it is still to come, asked of inventory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from stoa.contracts.inventory.v1.inventory_pb2 import GetReservationRequest, ReservationState
from stoa.kit.problems import NotFound

if TYPE_CHECKING:
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub


class AllocatedPart(msgspec.Struct, frozen=True):
    """Units of a SKU from one `warehouse`; null: they are promised and not on hand yet. `returned` of them were put
    back in stock."""

    sku: str
    quantity: int
    warehouse: str | None
    returned: int = 0


class Allocation(msgspec.Struct, frozen=True):
    """What inventory has for an order. `state` is its reservation's: `allocated` is promised to it, `committed` has
    left the stock, as when the order is placed, `released` was given back; None where nothing was ever reserved."""

    state: str | None = None
    parts: tuple[AllocatedPart, ...] = ()

    @property
    def to_come(self) -> dict[str, int]:
        """Units by SKU. They only become fewer, so what was answered stays true of what is there."""
        return {part.sku: part.quantity for part in self.parts if part.warehouse is None}


AllocationOf = Callable[[str], Awaitable[Allocation]]
"""By the key of an order's reservation."""


async def allocation_of(inventory: InventoryServiceAsyncStub, reservation_key: str) -> Allocation:
    """Nothing of an order that has no reservation, as those that were imported."""
    try:
        found = await inventory.GetReservation(GetReservationRequest(key=reservation_key))
    except NotFound:
        return Allocation()
    parts = [AllocatedPart(fill.sku, fill.quantity, fill.warehouse_id, fill.returned) for fill in found.fills]
    parts += [AllocatedPart(line.sku, line.quantity, None) for line in found.reservation.owed]
    state = ReservationState.Name(found.reservation.state).removeprefix("RESERVATION_STATE_").lower()
    return Allocation(state, tuple(sorted(parts, key=lambda part: part.sku)))
