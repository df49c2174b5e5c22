"""The gRPC servicer of order: what the checkout does with orders, and what others read."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
    GetStandingsRequest,
    GetStandingsResponse,
    OrderItem,
    OrderTax,
    Standing,
)
from stoa.contracts.order.v1.order_pb2 import DeliveryEstimate as EstimateMessage
from stoa.kit import problems
from stoa.kit.context import Context
from stoa.kit.http.decoding import converted
from stoa.kit.many import done, each, origins_of, outcome
from stoa.services.order import figures, placing_repository, repository
from stoa.services.order.abandon_order import Abandonment
from stoa.services.order.annotate_order import check_said
from stoa.services.order.errors import NoSuchOrder, WrongFigures
from stoa.services.order.new_order import NewItem, NewOrder, NewTax
from stoa.services.order.promise import Promise
from stoa.services.order.repository import DeliveryEstimate, Order
from stoa.services.order.service import Orders
from stoa.services.order.view import order_json, payment_status_of

MOST_STANDINGS = 1_000


class OrderServicer(order_pb2_grpc.OrderServiceServicer):
    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    async def CreateOrder(self, request: CreateOrderRequest, context: Any) -> CreateOrderResponse:
        created = await self._orders.creations.submit(figures.checked(_new_order(request)))
        order = await repository.read_order(self._orders.db, created)
        assert order is not None
        return CreateOrderResponse(order_json=order_json(order))

    async def CreateMany(self, request: CreateManyRequest, context: Any) -> CreateManyResponse:
        def begin(one: CreateOrderRequest, origin: Context) -> asyncio.Future[str]:
            return self._orders.creations.enter(figures.checked(_new_order(one)), origin)

        results = await each(begin, request.requests, request.origins)
        return CreateManyResponse(outcomes=[outcome(common_pb2.Outcome, one, done) for one in results])

    async def ConfirmOrder(self, request: ConfirmOrderRequest, context: Any) -> ConfirmOrderResponse:
        return _confirmed(await self._orders.confirmations.submit(request.order_id))

    async def ConfirmMany(self, request: ConfirmManyRequest, context: Any) -> ConfirmManyResponse:
        order_ids = [one.order_id for one in request.requests]
        origins = origins_of(request.origins, len(order_ids))
        results = await self._orders.confirmations.submit_many(order_ids, origins)
        return ConfirmManyResponse(outcomes=[outcome(ConfirmOutcome, one, _confirmed) for one in results])

    async def AbandonOrder(self, request: AbandonOrderRequest, context: Any) -> AbandonOrderResponse:
        await self._orders.abandonments.submit(Abandonment(request.checkout_id, request.reason))
        return AbandonOrderResponse()

    async def AbandonMany(self, request: AbandonManyRequest, context: Any) -> AbandonManyResponse:
        given_up = [Abandonment(one.checkout_id, one.reason) for one in request.requests]
        origins = origins_of(request.origins, len(given_up))
        results = await self._orders.abandonments.submit_many(given_up, origins)
        return AbandonManyResponse(outcomes=[outcome(common_pb2.Outcome, one, done) for one in results])

    async def CheckCustomFields(self, request: CheckCustomFieldsRequest, context: Any) -> CheckCustomFieldsResponse:
        await check_said(self._orders.db, _object(request.custom_fields_json))
        return CheckCustomFieldsResponse()

    async def GetStandings(self, request: GetStandingsRequest, context: Any) -> GetStandingsResponse:
        if len(request.order_ids) > MOST_STANDINGS:
            raise problems.Unprocessable(f"At most {MOST_STANDINGS} orders at once.", field="order_ids")
        orders = await repository.read_orders(self._orders.db, list(request.order_ids))
        return GetStandingsResponse(standings=[_standing(order) for order in orders.values()])

    async def GetOrder(self, request: GetOrderRequest, context: Any) -> GetOrderResponse:
        order_id: str | None = request.order_id
        if not order_id:
            checkouts = await placing_repository.read_checkouts(self._orders.db, [request.checkout_id])
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


def _confirmed(order: Order) -> ConfirmOrderResponse:
    return ConfirmOrderResponse(order_json=order_json(order))


def _standing(order: Order) -> Standing:
    kept = order.left.amount if order.confirmed_at is not None else 0
    return Standing(
        order_id=order.id,
        status=order.status,
        total=common_pb2.Money(amount_minor=order.total.amount, currency=order.total.currency),
        kept=common_pb2.Money(amount_minor=kept, currency=order.total.currency),
    )


def _new_order(request: CreateOrderRequest) -> NewOrder:
    """Raises `WrongFigures` where not all amounts are in the currency of the total."""
    currency = request.total.currency
    shipping_address = _address(request.shipping_address)
    estimate = _estimate(request.delivery_estimate) if request.HasField("delivery_estimate") else None
    return NewOrder(
        checkout_id=request.checkout_id,
        order_id=request.order_id,
        user_id=request.user_id or None,
        email=request.email,
        items=[_new_item(item, currency) for item in request.items],
        currency=currency,
        subtotal_minor=_minor(request.subtotal, currency),
        discount_minor=_minor(request.discount, currency),
        shipping_minor=_minor(request.shipping, currency),
        tax_minor=_minor(request.tax, currency),
        total_minor=request.total.amount_minor,
        shipping_method=request.shipping_method,
        shipping_address=shipping_address,
        billing_address=_address(request.billing_address) if request.HasField("billing_address") else shipping_address,
        payment_id=request.payment_id or None,
        reservation_key=request.reservation_key,
        custom_fields=_object(request.custom_fields_json),
        metadata=dict(request.metadata),
        discounted_by_line=_says_discounts(request.items),
        tax_included=request.tax_included,
        taxes=[_new_tax(tax, currency) for tax in request.taxes],
        shipping_name=request.shipping_name,
        pickup=request.pickup,
        delivery_earliest=estimate.earliest if estimate else None,
        delivery_latest=estimate.latest if estimate else None,
    )


def _estimate(message: EstimateMessage) -> DeliveryEstimate:
    return converted({"earliest": message.earliest, "latest": message.latest}, DeliveryEstimate)


def _new_tax(tax: OrderTax, currency: str) -> NewTax:
    return NewTax(
        name=tax.name,
        rate=tax.rate or None,
        base_minor=_minor(tax.base, currency),
        amount_minor=_minor(tax.amount, currency),
    )


def _says_discounts(items: Sequence[OrderItem]) -> bool:
    said = sum(item.HasField("discount") for item in items)
    if said not in {0, len(items)}:
        raise WrongFigures("Each line says its discount, or none does.", field="items")
    return bool(said)


def _new_item(item: OrderItem, currency: str) -> NewItem:
    promise = converted({"kind": item.promise, "on": item.promised_on}, Promise) if item.promise else None
    return NewItem(
        product_id=item.product_id,
        sku=item.sku,
        name=item.name,
        unit_price_minor=_minor(item.unit_price, currency),
        quantity=item.quantity,
        tax_minor=_minor(item.tax, currency),
        discount_minor=_minor(item.discount, currency) if item.HasField("discount") else 0,
        said=_object(item.said_json),
        metadata=dict(item.metadata),
        promise=promise.kind if promise else None,
        promised_on=promise.on if promise else None,
    )


def _object(encoded: bytes) -> dict[str, Any]:
    return msgspec.json.decode(encoded, type=dict[str, Any]) if encoded else {}


def _minor(amount: common_pb2.Money, currency: str) -> int:
    if amount.currency != currency:
        raise WrongFigures("All amounts of an order are in one currency.", field="total")
    return amount.amount_minor


_ADDRESS = [field.name for field in common_pb2.Address.DESCRIPTOR.fields]


def _address(address: common_pb2.Address) -> dict[str, str]:
    return {name: getattr(address, name) for name in _ADDRESS}
