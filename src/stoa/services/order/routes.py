"""The public API of orders. Placing one is the checkout's `POST /orders`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit.context import Principal
from stoa.kit.http.pages import decode_cursor, page_of
from stoa.kit.http.routes import OWNER, Request, Routes, roles
from stoa.kit.http.types import Id, Name, Page, PageQuery, Quantity, Sku
from stoa.kit.money import Money
from stoa.kit.problems import Unauthorized
from stoa.services.order import access, repository
from stoa.services.order.cancel_order import cancel_order
from stoa.services.order.deliver_order import deliver_order
from stoa.services.order.figures import MOST_LINES
from stoa.services.order.process_order import process_order
from stoa.services.order.return_items import return_items
from stoa.services.order.service import Orders
from stoa.services.order.ship_order import ship_order
from stoa.services.order.states import Status
from stoa.services.order.view import OrderView, view

STAFF = roles(access.STAFF)

routes: Routes[Orders] = Routes("order")

Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]


class ListQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`user_id` is for the staff; whoever else asks sees their own."""

    status: Status | None = None
    user_id: Id | None = None


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class Parcel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    carrier: Name
    tracking_number: Name


class ReturnedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku
    quantity: Quantity


class NewReturn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: Annotated[Sequence[ReturnedItem], Meta(min_length=1, max_length=MOST_LINES)]
    reason: Reason


class RefundedItem(msgspec.Struct, frozen=True, kw_only=True):
    """`refund` is the goods' part, `tax` the tax on it."""

    sku: str
    quantity: int
    refund: Money
    tax: Money


class ReturnView(msgspec.Struct, frozen=True, kw_only=True):
    """`refund` is what goes back in all: of the items, with their tax."""

    id: str
    order_id: str
    items: list[RefundedItem]
    reason: str
    refund: Money
    created_at: datetime


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """`actor` is customer, staff or checkout. `from_status` is null for the first change."""

    from_status: Status | None
    status: Status
    reason: str
    actor: str
    changed_at: datetime


@routes.get("/orders", query=ListQuery, answer=Page[OrderView], who=OWNER, summary="My orders, newest first")
async def list_orders(orders: Orders, request: Request[None, ListQuery]) -> Page[OrderView]:
    query, caller = request.query, _caller(request.principal)
    wanted = query.user_id.lower() if query.user_id else None
    if not caller.has(access.STAFF):
        if wanted not in {None, caller.user_id}:
            return Page([])
        wanted = caller.user_id
    found = await repository.list_orders(
        orders.db,
        user_id=wanted,
        status=query.status,
        before=_before(query.cursor),
        limit=query.limit + 1,
    )
    return page_of([view(order) for order in found], query.limit, lambda order: (order.id,))


@routes.get("/orders/{order_id:uuid}", answer=OrderView, who=OWNER, summary="One order")
async def show_order(orders: Orders, request: Request) -> OrderView:
    return view(await access.find(orders.db, request.path["order_id"], _caller(request.principal)))


@routes.get("/orders/{order_id:uuid}/history", answer=Page[ChangeView], who=OWNER, summary="What became of an order")
async def show_history(orders: Orders, request: Request) -> Page[ChangeView]:
    order = await access.find(orders.db, request.path["order_id"], _caller(request.principal))
    changes = await repository.read_history(orders.db, order.id)
    return Page(
        [
            ChangeView(
                from_status=change.from_status,
                status=change.status,
                reason=change.reason,
                actor=change.actor,
                changed_at=change.changed_at,
            )
            for change in changes
        ]
    )


@routes.post(
    "/orders/{order_id:uuid}/cancel", body=Cancellation, answer=OrderView, who=OWNER, summary="Cancel before shipping"
)
async def cancel(orders: Orders, request: Request[Cancellation]) -> OrderView:
    caller = _caller(request.principal)
    return view(await cancel_order(orders, request.path["order_id"], caller, request.body.reason))


@routes.post("/orders/{order_id:uuid}/process", answer=OrderView, who=STAFF, summary="Start picking and packing")
async def process(orders: Orders, request: Request) -> OrderView:
    return view(await process_order(orders, request.path["order_id"], _caller(request.principal)))


@routes.post("/orders/{order_id:uuid}/ship", body=Parcel, answer=OrderView, who=STAFF, summary="Hand to a carrier")
async def ship(orders: Orders, request: Request[Parcel]) -> OrderView:
    shipped = await ship_order(
        orders,
        request.path["order_id"],
        _caller(request.principal),
        carrier=request.body.carrier,
        tracking_number=request.body.tracking_number,
    )
    return view(shipped)


@routes.post("/orders/{order_id:uuid}/deliver", answer=OrderView, who=STAFF, summary="The customer has it")
async def deliver(orders: Orders, request: Request) -> OrderView:
    return view(await deliver_order(orders, request.path["order_id"], _caller(request.principal)))


@routes.post(
    "/orders/{order_id:uuid}/return",
    body=NewReturn,
    answer=ReturnView,
    status=201,
    who=OWNER,
    summary="Return some or all of what was shipped",
)
async def give_back(orders: Orders, request: Request[NewReturn]) -> ReturnView:
    back = [(item.sku, item.quantity) for item in request.body.items]
    made = await return_items(orders, request.path["order_id"], _caller(request.principal), back, request.body.reason)
    items = [RefundedItem(sku=line.sku, quantity=line.quantity, refund=line.net, tax=line.tax) for line in made.lines]
    return ReturnView(
        id=made.id,
        order_id=made.order_id,
        items=items,
        reason=made.reason,
        refund=made.refund,
        created_at=made.created_at,
    )


def _before(cursor: str | None) -> str | None:
    position = decode_cursor(cursor, tuple[Id])
    return position[0] if position else None


def _caller(principal: Principal | None) -> Principal:
    if principal is None:
        raise Unauthorized("This needs a signed-in user.")
    return principal
