"""Reserve: promise every line to the order, or none. What is promised does not expire: the saga confirms it or gives it
back, however late."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.contracts.inventory.v1.inventory_pb2 import (
    ReleaseManyRequest,
    ReleaseRequest,
    ReserveManyRequest,
    ReserveRequest,
)
from stoa.kit.many import results_of
from stoa.services.checkout.messages import line_messages, origins
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step, unchanged


async def do(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    wave = ReserveManyRequest(requests=[_request(one) for one in purchases], origins=origins(purchases))
    answer = await neighbors.inventory.ReserveMany(wave, timeout=neighbors.timeout_seconds)
    return unchanged(purchases, results_of(answer.outcomes))


def _request(purchase: Purchase) -> ReserveRequest:
    """With where the goods go, and not to whom."""
    address = purchase.shipping_address
    return ReserveRequest(
        key=purchase.checkout_id,
        lines=line_messages(purchase.items),
        order_id=purchase.order_id,
        country=address.country if address else "",
        region=address.region if address else "",
        postal_code=address.postal_code if address else "",
    )


async def undo(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    """Refuses a Reserve that is still on its way."""
    requests = [ReleaseRequest(key=one.checkout_id) for one in purchases]
    wave = ReleaseManyRequest(requests=requests, origins=origins(purchases))
    answer = await neighbors.inventory.ReleaseMany(wave, timeout=neighbors.timeout_seconds)
    return unchanged(purchases, results_of(answer.outcomes))


RESERVE_STOCK = Step("reserve_stock", do, undo)
