"""Reserve: hold every line, or none. A repeat renews the hold, and takes the stock again if it had expired."""

from __future__ import annotations

from stoa.contracts.inventory.v1.inventory_pb2 import ReleaseRequest, ReserveRequest
from stoa.services.checkout.messages import line_messages
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    assert purchase.items is not None
    request = ReserveRequest(key=purchase.checkout_id, lines=line_messages(purchase.items))
    await neighbors.inventory.Reserve(request, timeout=neighbors.timeout_seconds)
    return purchase


async def undo(neighbors: Neighbors, purchase: Purchase) -> None:
    """Also gives back what was allocated; refuses a Reserve that is still on its way."""
    await neighbors.inventory.Release(ReleaseRequest(key=purchase.checkout_id), timeout=neighbors.timeout_seconds)


RESERVE_STOCK = Step("reserve_stock", do, undo)
