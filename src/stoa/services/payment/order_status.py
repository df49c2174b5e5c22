"""How an order stands, asked of its own service: an operator's payment is for an order that can be paid."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from stoa.contracts.order.v1.order_pb2 import GetOrderRequest
from stoa.kit.problems import NotFound
from stoa.services.payment.errors import NoSuchOrder, OrderNotPayable

if TYPE_CHECKING:
    from stoa.contracts.order.v1.order_pb2_grpc import OrderServiceAsyncStub

OrderStatus = Callable[[str], Awaitable[str | None]]
"""None for an order that is not there."""

NOT_PAYABLE = {"canceled", "returned"}


async def order_status(orders: OrderServiceAsyncStub, order_id: str) -> str | None:
    try:
        return (await orders.GetOrder(GetOrderRequest(order_id=order_id))).status
    except NotFound:
        return None


def check_payable(status: str | None) -> None:
    """Raises `NoSuchOrder` or `OrderNotPayable`."""
    if status is None:
        raise NoSuchOrder
    if status in NOT_PAYABLE:
        raise OrderNotPayable(status)
