"""Confirm: the order is placed, and everybody is told. From here the shopper has an answer.

No undo: it is after the pivot. Who changes their mind cancels the order.
"""

from __future__ import annotations

from msgspec.structs import replace

from stoa.contracts.order.v1.order_pb2 import ConfirmOrderRequest
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Answer, Purchase
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    request = ConfirmOrderRequest(order_id=purchase.order_id)
    confirmed = await neighbors.order.ConfirmOrder(request, timeout=neighbors.timeout_seconds)
    return replace(purchase, answer=Answer(201, confirmed.order_json))


CONFIRM_ORDER = Step("confirm_order", do)
