"""The gRPC servicer of order: what the checkout does with orders, and what others read."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from typing import Any

import msgspec

from stoa.contracts.common.v1 import common_pb2
from stoa.contracts.order.v1 import order_pb2_grpc
from stoa.contracts.order.v1.order_pb2 import (
    AbandonManyRequest,
    AbandonManyResponse,
    AbandonOrderRequest,
    AbandonOrderResponse,
    CheckCustomFieldsRequest,
    CheckCustomFieldsResponse,
    ConfirmManyRequest,
    ConfirmManyResponse,
    ConfirmOrderRequest,
    ConfirmOrderResponse,
    ConfirmOutcome,
    CreateManyRequest,
    CreateManyResponse,
    CreateOrderRequest,
    CreateOrderResponse,
    GetOrderRequest,
    GetOrderResponse,
)
from stoa.kit.many import done, each, outcome
from stoa.kit.money import Money
from stoa.services.order import figures, repository
from stoa.services.order.abandon_order import abandon_order
from stoa.services.order.annotate_order import check_said
from stoa.services.order.create_order import NewOrder
from stoa.services.order.errors import NoSuchOrder
from stoa.services.order.figures import Figures, NewItem
from stoa.services.order.service import Orders
from stoa.services.order.view import order_json, payment_status_of


class OrderServicer(order_pb2_grpc.OrderServiceServicer):
    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    async def CreateOrder(self, request: CreateOrderRequest, context: Any) -> CreateOrderResponse:
        new = _new_order(request)
        figures.check(new.figures, new.items)
        return CreateOrderResponse(order_json=order_json(await self._orders.creations.submit(new)))

    async def CreateMany(self, request: CreateManyRequest, context: Any) -> CreateManyResponse:
        results = await each(lambda one: self.CreateOrder(one, context), request.requests, request.origins)
        return CreateManyResponse(outcomes=[outcome(common_pb2.Outcome, one, done) for one in results])

    async def ConfirmOrder(self, request: ConfirmOrderRequest, context: Any) -> ConfirmOrderResponse:
        return ConfirmOrderResponse(order_json=order_json(await self._orders.confirmations.submit(request.order_id)))

    async def ConfirmMany(self, request: ConfirmManyRequest, context: Any) -> ConfirmManyResponse:
        results = await each(lambda one: self.ConfirmOrder(one, context), request.requests, request.origins)
        return ConfirmManyResponse(outcomes=[outcome(ConfirmOutcome, one, lambda answer: answer) for one in results])

    async def AbandonOrder(self, request: AbandonOrderRequest, context: Any) -> AbandonOrderResponse:
        await abandon_order(self._orders, request.checkout_id, request.reason)
        return AbandonOrderResponse()

    async def AbandonMany(self, request: AbandonManyRequest, context: Any) -> AbandonManyResponse:
        results = await each(lambda one: self.AbandonOrder(one, context), request.requests, request.origins)
        return AbandonManyResponse(outcomes=[outcome(common_pb2.Outcome, one, done) for one in results])

    async def CheckCustomFields(self, request: CheckCustomFieldsRequest, context: Any) -> CheckCustomFieldsResponse:
        await check_said(self._orders.db, _object(request.custom_fields_json))
        return CheckCustomFieldsResponse()

    async def GetOrder(self, request: GetOrderRequest, context: Any) -> GetOrderResponse:
        order_id: str | None = request.order_id
        if not order_id:
            checkouts = await repository.read_checkouts(self._orders.db, [request.checkout_id])
            order_id = checkouts[request.checkout_id].order_id if request.checkout_id in checkouts else None
        order = await repository.read_order(self._orders.db, order_id) if order_id else None
        if order is None:
            raise NoSuchOrder
        return GetOrderResponse(
            order_id=order.id,
            status=order.status,
            payment_status=payment_status_of(order),
            order_json=order_json(order),
        )


def _new_order(request: CreateOrderRequest) -> NewOrder:
    shipping_address = _address(request.shipping_address)
    return NewOrder(
        checkout_id=request.checkout_id,
        order_id=request.order_id,
        user_id=request.user_id or None,
        email=request.email,
        items=[
            NewItem(
                product_id=item.product_id,
                sku=item.sku,
                name=item.name,
                unit_price=_money(item.unit_price),
                quantity=item.quantity,
                tax=_money(item.tax),
                said=_object(item.said_json),
                metadata=dict(item.metadata),
            )
            for item in request.items
        ],
        figures=Figures(
            subtotal=_money(request.subtotal),
            discount=_money(request.discount),
            shipping=_money(request.shipping),
            tax=_money(request.tax),
            total=_money(request.total),
        ),
        shipping_method=request.shipping_method,
        shipping_address=shipping_address,
        billing_address=_address(request.billing_address) if request.HasField("billing_address") else shipping_address,
        payment_id=request.payment_id or None,
        reservation_key=request.reservation_key,
        custom_fields=_object(request.custom_fields_json),
        metadata=dict(request.metadata),
    )


def _object(encoded: bytes) -> dict[str, Any]:
    return msgspec.json.decode(encoded, type=dict[str, Any]) if encoded else {}


def _money(amount: common_pb2.Money) -> Money:
    return Money(amount.amount_minor, amount.currency)


def _address(address: common_pb2.Address) -> dict[str, str]:
    return {field.name: getattr(address, field.name) for field in common_pb2.Address.DESCRIPTOR.fields}
