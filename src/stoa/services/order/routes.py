"""The public API of orders. Placing one is the checkout's `POST /orders`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit import ids
from stoa.kit.context import Principal
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.custom_fields.routes import add_routes
from stoa.kit.custom_fields.values import CustomFilter, Metadata, Values, filter_by
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import OWNER, Request, Routes, may
from stoa.kit.http.types import Email, Id, Moment, Name, Page, PageQuery, Quantity, Reason, ShortText, Sku
from stoa.services.order import access, export_routes, notes_routes, repository, returns_routes, shipments_routes
from stoa.services.order.allocation import AllocatedPart
from stoa.services.order.annotate_order import ORDER, ORDER_LINE, Notes, annotate_order
from stoa.services.order.cancel_order import cancel_order
from stoa.services.order.errors import OnlyAlone
from stoa.services.order.figures import MOST_LINES
from stoa.services.order.fulfillment import FulfillmentStatus
from stoa.services.order.payment_status import PaymentStatus
from stoa.services.order.placed_between import first_id, last_id
from stoa.services.order.process_order import process_order
from stoa.services.order.repository import ListOf, Order, Pages, Wanted
from stoa.services.order.service import Orders
from stoa.services.order.settle_refund import settle_refund
from stoa.services.order.standing import possible
from stoa.services.order.states import Status
from stoa.services.order.view import OrderView, ShownList, view

FULFILL = may(access.FULFILL)

routes: Routes[Orders] = Routes("order", about={"order_id": "The order's id", "return_id": "The return's id"})
for entity in (ORDER, ORDER_LINE):
    add_routes(routes, entity, define=may("order.fields.edit"), sees=may(access.READ))


class ListQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """status: only orders in this state
    payment_status: only orders whose payment stands so
    fulfillment_status: only orders of which so much has left and arrived
    number: the order of this number
    email: only orders of this address, in whatever case
    placed_from: only orders whose checkout began then or later
    placed_to: only orders whose checkout began before
    user_id: whose, for who may read all orders; whoever else asks sees their own
    custom: what has this value in a filterable custom field, for who may read all orders; no other filter with it
    """

    status: Status | None = None
    payment_status: PaymentStatus | None = None
    fulfillment_status: FulfillmentStatus | None = None
    number: Name | None = None
    email: Email | None = None
    placed_from: Moment | None = None
    placed_to: Moment | None = None
    user_id: Id | None = None
    custom: CustomFilter = msgspec.field(default_factory=dict)


class LineNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku
    custom_fields: Values = {}
    metadata: Metadata = {}


class OrderNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays."""

    custom_fields: Values = {}
    metadata: Metadata = {}
    items: Annotated[Sequence[LineNotes], Meta(max_length=MOST_LINES)] = ()


class CanceledItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku
    quantity: Quantity


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nobody owes a reason. Without `items` all that was not sent."""

    reason: ShortText = ""
    items: Annotated[Sequence[CanceledItem], Meta(min_length=1, max_length=MOST_LINES)] | None = None


class Settlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class AllocationView(msgspec.Struct, frozen=True, kw_only=True):
    """`items` has a line for each warehouse of a SKU; what is promised and not on hand yet has none. `state` is of what
    was reserved: `allocated` is promised to the order, `committed` has left the stock, as when the order is placed,
    `released` was given back; null where nothing was reserved, as for an order that was imported."""

    order_id: str
    state: str | None
    items: Sequence[AllocatedPart]


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """`actor` is customer, staff or checkout. `from_status` is null for the first change."""

    from_status: Status | None
    status: Status
    reason: str
    actor: str
    changed_at: datetime


@routes.get("/orders", query=ListQuery, answer=Page[OrderView], who=OWNER, summary="My orders, newest first")
async def list_orders(orders: Orders, request: Request[None, ListQuery]) -> Page[OrderView]:
    """Newest first. Who may read all orders finds them by a filterable custom field: `?custom.purchase_order=A-17`."""
    query, caller = request.query, request.caller
    private = access.sees_all(caller)
    if query.custom:
        return _page([view(order, private=private) for order in await _with_value(orders, query, caller)], query.limit)
    wanted = query.user_id.lower() if query.user_id else None
    if not caller.may(access.READ):
        if wanted not in {None, caller.user_id}:
            return Page([])
        wanted = caller.user_id
    if wanted is not None and not _narrowed(query):
        before = decode_key(query.cursor, tuple[Id]) or ids.LAST
        listed = ListOf(wanted, before, query.status, query.limit + 1)
        return _page(await orders.listing.get(ShownList(listed, private)) or [], query.limit)
    found = await _found(orders, query, wanted)
    return _page([view(order, private=private) for order in found], query.limit)


def _narrowed(query: ListQuery) -> bool:
    """By more than a state."""
    by = (query.payment_status, query.fulfillment_status, query.number, query.email, query.placed_from, query.placed_to)
    return any(each is not None for each in by)


async def _found(orders: Orders, query: ListQuery, user_id: str | None) -> list[Order]:
    """Of a buyer, or of all."""
    before = min(decode_key(query.cursor, tuple[Id]) or ids.LAST, last_id(query.placed_to))
    pages = Pages(before, first_id(query.placed_from), query.limit + 1)
    standing = (query.status, query.payment_status, query.fulfillment_status)
    if user_id or query.email or query.number:
        wanted = Wanted(
            user_id=user_id,
            number=query.number,
            email=query.email,
            status=query.status,
            payment_status=query.payment_status,
            fulfillment_status=query.fulfillment_status,
        )
        return await repository.list_orders_of_few(orders.db, pages, wanted)
    if standing == (None, None, None):
        return await repository.list_orders(orders.db, pages)
    ways = possible(*standing)
    return await repository.list_orders_standing(orders.db, pages, ways) if ways else []


async def _with_value(orders: Orders, query: ListQuery, caller: Principal) -> list[Order]:
    (name, value), *more = query.custom.items()
    if more or query.status is not None or query.user_id is not None or _narrowed(query):
        raise OnlyAlone(f"custom.{name}")
    known = await definitions(orders.db, ORDER) if caller.may(access.READ) else {}
    number, looked_for = filter_by(known, name, value, private=True)
    before = decode_key(query.cursor, tuple[Id])
    return await repository.list_orders_with(orders.db, number, looked_for, before=before, limit=query.limit + 1)


@routes.get("/orders/{order_id:uuid}", answer=OrderView, who=OWNER, summary="One order")
async def show_order(orders: Orders, request: Request) -> OrderView:
    caller = request.caller
    return access.shown(await access.find(orders, request.path["order_id"], caller), caller)


@routes.get("/orders/{order_id:uuid}/history", answer=Page[ChangeView], who=OWNER, summary="What became of an order")
async def show_order_history(orders: Orders, request: Request) -> Page[ChangeView]:
    order = await access.find(orders, request.path["order_id"], request.caller)
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


@routes.get(
    "/orders/{order_id:uuid}/allocation",
    answer=AllocationView,
    who=may(access.READ),
    summary="From which warehouses an order leaves",
)
async def show_allocation(orders: Orders, request: Request) -> AllocationView:
    order = await access.find(orders, request.path["order_id"], request.caller)
    allocation = await orders.allocation_of(order.reservation_key)
    return AllocationView(order_id=order.id, state=allocation.state, items=allocation.parts)


@routes.post(
    "/orders/{order_id:uuid}/cancel",
    body=Cancellation,
    answer=OrderView,
    who=OWNER,
    versioned=True,
    summary="Cancel what was not sent, or some of it",
)
async def cancel_one_order(orders: Orders, request: Request[Cancellation]) -> OrderView:
    """With the last unit, where none was sent, all that is left of what was paid goes back, shipping too; else what the
    units cost."""
    caller, body = request.caller, request.body
    items = [(item.sku, item.quantity) for item in body.items] if body.items is not None else None
    canceled = await cancel_order(
        orders, request.path["order_id"], caller, body.reason, items, if_match=request.if_match
    )
    return access.shown(canceled, caller)


@routes.patch(
    "/orders/{order_id:uuid}",
    body=OrderNotes,
    answer=OrderView,
    who=may(access.ANNOTATE),
    versioned=True,
    summary="Note custom fields and metadata on an order and its lines",
)
async def note_on_order(orders: Orders, request: Request[OrderNotes]) -> OrderView:
    """What was agreed stays: this is what the shop knows beside it."""
    body, caller = request.body, request.caller
    notes = Notes(custom_fields=body.custom_fields, metadata=body.metadata)
    lines = [(item.sku, Notes(custom_fields=item.custom_fields, metadata=item.metadata)) for item in body.items]
    noted = await annotate_order(orders, request.path["order_id"], caller, notes, lines, request.if_match)
    return view(noted, private=True)


@routes.post(
    "/orders/{order_id:uuid}/process",
    answer=OrderView,
    who=FULFILL,
    versioned=True,
    summary="Start picking and packing",
)
async def process_one_order(orders: Orders, request: Request) -> OrderView:
    caller = request.caller
    return access.shown(await process_order(orders, request.path["order_id"], caller, request.if_match), caller)


@routes.post(
    "/orders/{order_id:uuid}/settle",
    body=Settlement,
    answer=OrderView,
    who=may(access.SETTLE),
    versioned=True,
    summary="End what was to go back and payment will not give",
)
async def settle_one_order(orders: Orders, request: Request[Settlement]) -> OrderView:
    """For what was paid back in another way, or is let be: its event was discarded, or the provider refused it."""
    caller = request.caller
    settled = await settle_refund(orders, request.path["order_id"], caller, request.body.reason, request.if_match)
    return access.shown(settled, caller)


def _page(orders: Sequence[OrderView], limit: int) -> Page[OrderView]:
    return page_of(orders, limit, lambda order: (order.id,))


routes.include(shipments_routes.routes)
routes.include(notes_routes.routes)
routes.include(export_routes.routes)
routes.include(returns_routes.routes)
