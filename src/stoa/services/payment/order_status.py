"""How orders stand, asked of their own service: an operator's payment is for an order that can be paid, and what was
taken is compared with what they keep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING

from stoa.contracts.order.v1.order_pb2 import GetOrderRequest, GetStandingsRequest
from stoa.kit.money import Money
from stoa.kit.problems import NotFound
from stoa.services.payment.drift import Standing
from stoa.services.payment.errors import NoSuchOrder, OrderNotPayable

if TYPE_CHECKING:
    from stoa.contracts.order.v1.order_pb2_grpc import OrderServiceAsyncStub

OrderStatus = Callable[[str], Awaitable[str | None]]
"""None for an order that is not there."""

Standings = Callable[[Collection[str]], Awaitable[Mapping[str, Standing]]]
"""By their ids; those that are not there are left out."""

NOT_PAYABLE = {"canceled", "returned"}


async def order_status(orders: OrderServiceAsyncStub, order_id: str) -> str | None:
    try:
        return (await orders.GetOrder(GetOrderRequest(order_id=order_id))).status
    except NotFound:
        return None


async def standings(orders: OrderServiceAsyncStub, order_ids: Collection[str]) -> dict[str, Standing]:
    if not order_ids:
        return {}
    found = (await orders.GetStandings(GetStandingsRequest(order_ids=order_ids))).standings
    return {one.order_id: Standing(one.status, Money(one.kept.amount_minor, one.kept.currency)) for one in found}


def check_payable(status: str | None) -> None:
    """Raises `NoSuchOrder` or `OrderNotPayable`."""
    if status is None:
        raise NoSuchOrder
    if status in NOT_PAYABLE:
        raise OrderNotPayable(status)
