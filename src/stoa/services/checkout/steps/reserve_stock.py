"""Reserve: promise every line to the order, or none. What is promised does not expire: the saga confirms it or gives it
back, however late. What is not on hand has the day that the buyer was promised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from msgspec.structs import replace

from stoa.contracts.inventory.v1 import inventory_pb2 as pb
from stoa.contracts.inventory.v1.inventory_pb2 import (
    LATER_PREORDER_FROM,
    LATER_SHIPS_BY,
    ReleaseManyRequest,
    ReleaseRequest,
    ReserveManyRequest,
    ReserveRequest,
)
from stoa.kit.many import results_of
from stoa.services.checkout.messages import line_messages, origins
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Promise, Purchase
from stoa.services.checkout.steps.step import Step, unchanged


async def do(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    wave = ReserveManyRequest(requests=[_request(one) for one in purchases], origins=origins(purchases))
    answer = await neighbors.inventory.ReserveMany(wave, timeout=neighbors.timeout_seconds)
    reserved = unchanged(purchases, results_of(answer.outcomes))
    if not answer.promises:
        return reserved
    return [
        replace(one, promises=_promises(said.promises)) if isinstance(one, Purchase) and said.promises else one
        for one, said in zip(reserved, answer.promises, strict=True)
    ]


def _promises(said: Iterable[pb.Promise]) -> dict[str, Promise]:
    return {one.sku: Promise(_KINDS[one.later], date.fromisoformat(one.on)) for one in said}


_KINDS = {LATER_SHIPS_BY: "ships_by", LATER_PREORDER_FROM: "preorder_from"}


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
