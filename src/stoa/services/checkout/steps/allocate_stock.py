"""Allocate: what is held is promised to the order, and no longer expires while the money is taken.

No undo of its own: releasing the reservation (`reserve_stock`) gives back an allocation as well.
"""

from __future__ import annotations

from stoa.contracts.inventory.v1.inventory_pb2 import AllocateRequest
from stoa.kit.problems import Conflict
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps import reserve_stock
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    request = AllocateRequest(key=purchase.checkout_id, order_id=purchase.order_id)
    try:
        await neighbors.inventory.Allocate(request, timeout=neighbors.timeout_seconds)
    except Conflict as conflict:
        if conflict.slug != "reservation-expired":
            raise
        # The payment took longer than the hold. Take the stock again if there still is some.
        await reserve_stock.do(neighbors, purchase)
        await neighbors.inventory.Allocate(request, timeout=neighbors.timeout_seconds)
    return purchase


ALLOCATE_STOCK = Step("allocate_stock", do)
