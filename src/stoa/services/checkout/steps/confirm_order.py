"""Confirm: the order is placed, and everybody is told. From here the shopper has an answer.

No undo: it is after the pivot. Who changes their mind cancels the order.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stoa.contracts.order.v1.order_pb2 import ConfirmManyRequest, ConfirmOrderRequest
from stoa.kit.many import results_of
from stoa.services.checkout.messages import origins
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import KeptAnswer, Purchase
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    requests = [ConfirmOrderRequest(order_id=one.order_id) for one in purchases]
    wave = ConfirmManyRequest(requests=requests, origins=origins(purchases))
    answer = await neighbors.order.ConfirmMany(wave, timeout=neighbors.timeout_seconds)
    return [
        one if isinstance(one, Exception) else replace(purchase, answer=KeptAnswer(201, one.order_json))
        for purchase, one in zip(purchases, results_of(answer.outcomes), strict=True)
    ]


CONFIRM_ORDER = Step("confirm_order", do)
