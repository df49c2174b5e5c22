"""The public API of returns: goods that come back, and what is paid back for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stoa.kit.context import Principal
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import OWNER, Request, Routes, may
from stoa.kit.http.types import Count, Id, Page, PageQuery, Quantity, Reason, ShortText, Sku
from stoa.kit.money import Money
from stoa.services.order import access, returns_repository
from stoa.services.order.cancel_return import cancel_return
from stoa.services.order.decide_return import approve_return, refuse_return
from stoa.services.order.figures import MOST_LINES
from stoa.services.order.receive_return import receive_return, take_back
from stoa.services.order.refunds import Came
from stoa.services.order.request_return import request_return
from stoa.services.order.return_states import ReturnStatus
from stoa.services.order.returns_repository import Return
from stoa.services.order.service import Orders

DECIDE = may(access.DECIDE)

routes: Routes[Orders] = Routes("order")

ONE_RETURN = "/orders/{order_id:uuid}/returns/{return_id:uuid}"


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class ReturnedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku
    quantity: Quantity


class NewReturn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: Annotated[Sequence[ReturnedItem], Meta(min_length=1, max_length=MOST_LINES)]
    reason: ShortText = ""


class CameItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`unfit` of the `quantity` that came cannot be sold again: they are paid back, and not put on the shelf."""

    sku: Sku
    quantity: Quantity
    unfit: Count = 0


class Arrival(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What really came: a SKU that is left out did not."""

    items: Annotated[Sequence[CameItem], Meta(min_length=1, max_length=MOST_LINES)]


class ReturnsQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """status: in which state the returns are"""

    status: ReturnStatus = ReturnStatus.REQUESTED


class ReturnedItemView(msgspec.Struct, frozen=True, kw_only=True):
    """`quantity` was asked for, `received` came, `restocked` of them can be sold again. `refund` is what they cost
    and `tax` the tax on it: zero until they are received.
    """

    sku: str
    quantity: int
    received: int
    restocked: int
    refund: Money
    tax: Money


class ReturnView(msgspec.Struct, frozen=True, kw_only=True):
    """`refund` is what goes back in all: of the items, with their tax, or the less that is left of the payment, which
    payment decides a moment after the goods were received.
    """

    id: str
    order_id: str
    status: ReturnStatus
    items: list[ReturnedItemView]
    reason: str
    refund: Money
    version: int
    created_at: datetime
    updated_at: datetime


class ReturnChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """`actor` is customer or staff. `from_status` is null for the first change."""

    from_status: ReturnStatus | None
    status: ReturnStatus
    reason: str
    actor: str
    changed_at: datetime


@routes.post(
    "/orders/{order_id:uuid}/return",
    body=NewReturn,
    answer=ReturnView,
    status=201,
    who=OWNER,
    versioned=True,
    summary="Ask to return some or all of what was shipped; the staff takes it back at once",
)
async def return_order(orders: Orders, request: Request[NewReturn]) -> ReturnView:
    """The buyer's is a request, and nothing moves until the goods are here. The staff, who has them, receives
    them with it: what they cost goes back, and they are for sale again.
    """
    caller, order_id = request.caller, request.path["order_id"]
    back = [(item.sku, item.quantity) for item in request.body.items]
    order = await access.find(orders, order_id, caller, access.DECIDE)
    act = request_return if access.kind_of(order, caller) == "customer" else take_back
    return _return_view(await act(orders, order_id, caller, back, request.body.reason, if_match=request.if_match))


@routes.get(
    "/orders/returns",
    query=ReturnsQuery,
    answer=Page[ReturnView],
    who=may(access.READ),
    summary="Returns of all orders",
)
async def list_returns(orders: Orders, request: Request[None, ReturnsQuery]) -> Page[ReturnView]:
    """Those in one state, newest first: by default what waits for a decision."""
    query = request.query
    found = await returns_repository.returns_in_status(
        orders.db, query.status, decode_key(query.cursor, tuple[Id]), query.limit + 1
    )
    return page_of([_return_view(one) for one in found], query.limit, lambda one: (one.id,))


@routes.get(
    "/orders/{order_id:uuid}/returns",
    query=PageQuery,
    answer=Page[ReturnView],
    who=OWNER,
    summary="The returns of an order, newest first",
)
async def list_returns_of_order(orders: Orders, request: Request[None, PageQuery]) -> Page[ReturnView]:
    query = request.query
    order = await access.find(orders, request.path["order_id"], request.caller)
    found = await returns_repository.returns_of_order(
        orders.db, order.id, decode_key(query.cursor, tuple[Id]), query.limit + 1
    )
    return page_of([_return_view(one) for one in found], query.limit, lambda one: (one.id,))


@routes.get(ONE_RETURN, answer=ReturnView, who=OWNER, summary="One return")
async def show_return(orders: Orders, request: Request) -> ReturnView:
    return _return_view(await _return(orders, request))


@routes.get(f"{ONE_RETURN}/history", answer=Page[ReturnChangeView], who=OWNER, summary="What became of a return")
async def show_return_history(orders: Orders, request: Request) -> Page[ReturnChangeView]:
    found = await _return(orders, request)
    changes = await returns_repository.read_return_history(orders.db, found.id)
    return Page(
        [
            ReturnChangeView(
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
    f"{ONE_RETURN}/cancel",
    answer=ReturnView,
    who=OWNER,
    versioned=True,
    summary="Call a return off before it is received",
)
async def cancel_one_return(orders: Orders, request: Request) -> ReturnView:
    return _return_view(await cancel_return(orders, *_which(request), if_match=request.if_match))


@routes.post(
    f"{ONE_RETURN}/approve", answer=ReturnView, who=DECIDE, versioned=True, summary="The goods may be sent back"
)
async def approve_one_return(orders: Orders, request: Request) -> ReturnView:
    return _return_view(await approve_return(orders, *_which(request), if_match=request.if_match))


@routes.post(
    f"{ONE_RETURN}/refuse",
    body=Refusal,
    answer=ReturnView,
    who=DECIDE,
    versioned=True,
    summary="Refuse a return, and say why",
)
async def refuse_one_return(orders: Orders, request: Request[Refusal]) -> ReturnView:
    return _return_view(await refuse_return(orders, *_which(request), request.body.reason, if_match=request.if_match))


@routes.post(
    f"{ONE_RETURN}/receive", body=Arrival, answer=ReturnView, who=DECIDE, versioned=True, summary="The goods are here"
)
async def receive_one_return(orders: Orders, request: Request[Arrival]) -> ReturnView:
    """What really came is paid back, and put on the shelf where it can be sold again."""
    came = [Came(item.sku, item.quantity, item.unfit) for item in request.body.items]
    return _return_view(await receive_return(orders, *_which(request), came, if_match=request.if_match))


def _which(request: Request[Any, Any]) -> tuple[str, str, Principal]:
    """The order, its return, and who asks."""
    return request.path["order_id"], request.path["return_id"], request.caller


async def _return(orders: Orders, request: Request) -> Return:
    order_id, return_id, caller = _which(request)
    return await access.find_return(orders.db, await access.find(orders, order_id, caller), return_id)


def _return_view(found: Return) -> ReturnView:
    items = [
        ReturnedItemView(
            sku=line.sku,
            quantity=line.quantity,
            received=line.received,
            restocked=line.restocked,
            refund=line.net,
            tax=line.tax,
        )
        for line in found.lines
    ]
    return ReturnView(
        id=found.id,
        order_id=found.order_id,
        status=found.status,
        items=items,
        reason=found.reason,
        refund=found.refund,
        version=found.version,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
