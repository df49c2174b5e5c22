"""The public API of what was ordered of suppliers and comes in, for staff alone, as transfers are."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from stoa.kit.dates import day_of
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Id, Label, Name, Page, PageQuery, ShortText
from stoa.services.inventory import receipts_repository
from stoa.services.inventory.bodies import DocumentLines, WarehouseId, merged, units_of
from stoa.services.inventory.documents_errors import NoSuchReceipt
from stoa.services.inventory.receipt import Order, Receipt, ReceiptState
from stoa.services.inventory.receipts import Told, cancel_goods, edit_receipt, expect_goods, receive_goods
from stoa.services.inventory.service import Inventory

READ = may("inventory.stock.read")
EDIT = may("inventory.receipts.edit")

routes: Routes[Inventory] = Routes("inventory")


class NewReceipt(msgspec.Struct, forbid_unknown_fields=True):
    """`reference` is what the supplier calls it."""

    supplier: Name
    warehouse: WarehouseId
    lines: DocumentLines
    expected_on: date | None = None
    reference: Label = ""
    note: ShortText = ""


class ReceiptTold(msgspec.Struct, forbid_unknown_fields=True):
    """What a supplier may still say; what was ordered stays."""

    supplier: Name
    expected_on: date | None = None
    reference: Label = ""
    note: ShortText = ""


class Came(msgspec.Struct, forbid_unknown_fields=True):
    """What has come; without `lines` all that was still to come. `over`: more than was ordered is booked too."""

    lines: DocumentLines | None = None
    over: bool = False


class WillNotCome(msgspec.Struct, forbid_unknown_fields=True):
    """What will not come; without `lines` nothing of what was still to come."""

    lines: DocumentLines | None = None
    reason: ShortText = ""


class ReceiptLineView(msgspec.Struct):
    """`incoming` is what is still to come: `ordered` without `received` and `canceled`."""

    sku: str
    ordered: int
    received: int
    canceled: int
    incoming: int


class ReceiptSummary(msgspec.Struct):
    id: str
    supplier: str
    reference: str
    warehouse: str
    state: ReceiptState
    expected_on: date | None
    note: str
    created_at: datetime
    changed_at: datetime


class ReceiptView(ReceiptSummary):
    """`expected` as long as something is to come, then `received`, or `canceled` where nothing of it came."""

    lines: list[ReceiptLineView]
    version: int


class ReceiptQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """state: `expected` is what is still to come; left out: all"""

    state: ReceiptState | None = None


@routes.get(
    "/receipts", query=ReceiptQuery, answer=Page[ReceiptSummary], who=READ, summary="Receipts, the newest first"
)
async def list_receipts(inventory: Inventory, request: Request[None, ReceiptQuery]) -> Page[ReceiptSummary]:
    query = request.query
    before = decode_key(query.cursor, tuple[Id])
    found = await receipts_repository.receipts_before(inventory.db, before, query.limit + 1, query.state)
    return page_of([ReceiptSummary(*_head(one)) for one in found], query.limit, lambda view: (view.id,))


@routes.post(
    "/receipts", body=NewReceipt, answer=ReceiptView, status=201, who=EDIT, summary="Expect goods of a supplier"
)
async def post_receipt(inventory: Inventory, request: Request[NewReceipt]) -> ReceiptView:
    new = request.body
    expected_on = day_of(new.expected_on, "expected_on")
    order = Order(new.supplier, new.warehouse, merged(new.lines), expected_on, new.reference, new.note)
    return _view(await expect_goods(inventory, order))


@routes.get("/receipts/{receipt_id:uuid}", answer=ReceiptView, who=READ, summary="A receipt")
async def get_receipt(inventory: Inventory, request: Request) -> ReceiptView:
    found = await receipts_repository.receipt(inventory.db, request.path["receipt_id"])
    if found is None:
        raise NoSuchReceipt
    return _view(found)


@routes.put(
    "/receipts/{receipt_id:uuid}",
    body=ReceiptTold,
    answer=ReceiptView,
    who=EDIT,
    versioned=True,
    summary="What a supplier says of it by now",
)
async def put_receipt(inventory: Inventory, request: Request[ReceiptTold]) -> ReceiptView:
    new = request.body
    told = Told(new.supplier, new.reference, day_of(new.expected_on, "expected_on"), new.note)
    return _view(await edit_receipt(inventory, request.path["receipt_id"], told, request.if_match))


@routes.post(
    "/receipts/{receipt_id:uuid}/receive",
    body=Came,
    answer=ReceiptView,
    who=EDIT,
    versioned=True,
    summary="Some of it has come",
)
async def post_came(inventory: Inventory, request: Request[Came]) -> ReceiptView:
    return _view(
        await receive_goods(
            inventory,
            request.path["receipt_id"],
            units_of(request.body.lines),
            over=request.body.over,
            user_id=request.user_id,
            if_match=request.if_match,
        )
    )


@routes.post(
    "/receipts/{receipt_id:uuid}/cancel",
    body=WillNotCome,
    answer=ReceiptView,
    who=EDIT,
    versioned=True,
    summary="The rest will not come",
)
async def post_will_not_come(inventory: Inventory, request: Request[WillNotCome]) -> ReceiptView:
    receipt_id, units, reason = request.path["receipt_id"], units_of(request.body.lines), request.body.reason
    return _view(await cancel_goods(inventory, receipt_id, units, reason, request.if_match))


def _head(one: Receipt) -> tuple[str, str, str, str, ReceiptState, date | None, str, datetime, datetime]:
    return (
        one.id,
        one.supplier,
        one.reference,
        one.warehouse_id,
        one.state,
        one.expected_on,
        one.note,
        one.created_at,
        one.changed_at,
    )


def _view(receipt: Receipt) -> ReceiptView:
    lines = msgspec.convert(receipt.lines, list[ReceiptLineView], from_attributes=True)
    return ReceiptView(*_head(receipt), lines, receipt.version)
