"""Clear the cart of what was bought; what was put in since the snapshot stays.

No undo: it is after the pivot.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.contracts.cart.v1.cart_pb2 import ClearCartRequest, ClearManyRequest
from stoa.kit.many import results_of
from stoa.services.checkout.messages import line_messages, origins
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step, unchanged


async def do(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    requests = [
        ClearCartRequest(cart_id=one.bought_cart_id, round=one.bought_cart_round, lines=line_messages(one.items))
        for one in purchases
    ]
    wave = ClearManyRequest(requests=requests, origins=origins(purchases))
    answer = await neighbors.cart.ClearMany(wave, timeout=neighbors.timeout_seconds)
    return unchanged(purchases, results_of(answer.outcomes))


CLEAR_CART = Step("clear_cart", do)
