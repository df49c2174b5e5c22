"""What of an order is still to come, asked of inventory: a parcel has what is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from stoa.contracts.inventory.v1.inventory_pb2 import GetReservationRequest
from stoa.kit.problems import NotFound

if TYPE_CHECKING:
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub

GoodsToCome = Callable[[str], Awaitable[Mapping[str, int]]]
"""By the key of an order's reservation: units by SKU that are promised to it and not on hand yet. They only become
fewer, so what was answered stays true of what is there."""


async def goods_to_come(inventory: InventoryServiceAsyncStub, reservation_key: str) -> Mapping[str, int]:
    """Nothing is to come of an order that has no reservation, as those that were imported."""
    try:
        found = await inventory.GetReservation(GetReservationRequest(key=reservation_key))
    except NotFound:
        return {}
    return {line.sku: line.quantity for line in found.reservation.owed}
