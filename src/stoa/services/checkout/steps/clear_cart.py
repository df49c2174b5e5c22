"""Clear the cart of what was bought; what was put in since the snapshot stays.

No undo: it is after the pivot.
"""

from __future__ import annotations

from stoa.contracts.cart.v1.cart_pb2 import ClearCartRequest
from stoa.services.checkout.messages import line_messages
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    assert purchase.items is not None
    request = ClearCartRequest(
        cart_id=purchase.bought_cart_id, round=purchase.bought_cart_round, lines=line_messages(purchase.items)
    )
    await neighbors.cart.ClearCart(request, timeout=neighbors.timeout_seconds)
    return purchase


CLEAR_CART = Step("clear_cart", do)
