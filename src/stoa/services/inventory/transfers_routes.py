"""The public API of transfers between warehouses, for staff alone.

What lies in the shop's warehouses is moved by its staff; a seller counts what it sells (`PUT /inventory/{sku}`).
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from stoa.kit.dates import day_of
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Id, Page, PageQuery, Reason, ShortText
from stoa.services.inventory import transfers_repository
from stoa.services.inventory.bodies import DocumentLines, WarehouseId, merged, units_of
from stoa.services.inventory.documents_errors import NoSuchTransfer
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.transfer import Draft, Transfer, TransferState
from stoa.services.inventory.transfers import (
    cancel_transfer,
    draft_transfer,
    edit_transfer,
    lose_transfer,
    receive_transfer,
    send_transfer,
)

READ = may("inventory.stock.read")
EDIT = may("inventory.transfers.edit")

routes: Routes[Inventory] = Routes("inventory")


class NewTransfer(msgspec.Struct, forbid_unknown_fields=True):
    source: WarehouseId
    destination: WarehouseId
    lines: DocumentLines
    expected_on: date | None = None
    note: ShortText = ""


class Arrived(msgspec.Struct, forbid_unknown_fields=True):
    """What has arrived; without `lines` all that is on the way."""

    lines: DocumentLines | None = None


class Lost(msgspec.Struct, forbid_unknown_fields=True):
    """What will not arrive; without `lines` nothing of what is on the way will."""

    reason: Reason
    lines: DocumentLines | None = None


class TransferLineView(msgspec.Struct):
    """`sent` = `received` + `lost` + `returned` + `on_the_way`; nothing is sent of a draft."""

    sku: str
    quantity: int
    sent: int
    received: int
    lost: int
    returned: int
    on_the_way: int


class TransferSummary(msgspec.Struct):
    id: str
    source: str
    destination: str
    state: TransferState
    expected_on: date | None
    note: str
    created_at: datetime
    changed_at: datetime


class TransferView(TransferSummary):
    """`draft`, `sent` as long as something is on the way, then `received`; `canceled` where what was left on the way
    went back to its source."""

    lines: list[TransferLineView]
    version: int


class TransferQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """state: `sent` is what is on the way; left out: all"""

    state: TransferState | None = None


@routes.get(
    "/transfers", query=TransferQuery, answer=Page[TransferSummary], who=READ, summary="Transfers, the newest first"
)
async def list_transfers(inventory: Inventory, request: Request[None, TransferQuery]) -> Page[TransferSummary]:
    query = request.query
    before = decode_key(query.cursor, tuple[Id])
    found = await transfers_repository.transfers_before(inventory.db, before, query.limit + 1, query.state)
    return page_of([_summary(one) for one in found], query.limit, lambda view: (view.id,))


@routes.post("/transfers", body=NewTransfer, answer=TransferView, status=201, who=EDIT, summary="Draft a transfer")
async def post_transfer(inventory: Inventory, request: Request[NewTransfer]) -> TransferView:
    return _view(await draft_transfer(inventory, _draft(request.body)))


@routes.get("/transfers/{transfer_id:uuid}", answer=TransferView, who=READ, summary="A transfer")
async def get_transfer(inventory: Inventory, request: Request) -> TransferView:
    found = await transfers_repository.transfer(inventory.db, request.path["transfer_id"])
    if found is None:
        raise NoSuchTransfer
    return _view(found)


@routes.put(
    "/transfers/{transfer_id:uuid}",
    body=NewTransfer,
    answer=TransferView,
    who=EDIT,
    versioned=True,
    summary="Write a draft anew",
)
async def put_transfer(inventory: Inventory, request: Request[NewTransfer]) -> TransferView:
    transfer_id = request.path["transfer_id"]
    return _view(await edit_transfer(inventory, transfer_id, _draft(request.body), request.if_match))


@routes.post(
    "/transfers/{transfer_id:uuid}/send",
    answer=TransferView,
    who=EDIT,
    versioned=True,
    summary="The goods leave their source",
)
async def post_sent(inventory: Inventory, request: Request) -> TransferView:
    transfer_id = request.path["transfer_id"]
    return _view(await send_transfer(inventory, transfer_id, user_id=request.user_id, if_match=request.if_match))


@routes.post(
    "/transfers/{transfer_id:uuid}/receive",
    body=Arrived,
    answer=TransferView,
    who=EDIT,
    versioned=True,
    summary="Some of it has arrived",
)
async def post_received(inventory: Inventory, request: Request[Arrived]) -> TransferView:
    transfer_id, lines = request.path["transfer_id"], units_of(request.body.lines)
    return _view(
        await receive_transfer(inventory, transfer_id, lines, user_id=request.user_id, if_match=request.if_match)
    )


@routes.post(
    "/transfers/{transfer_id:uuid}/lose",
    body=Lost,
    answer=TransferView,
    who=EDIT,
    versioned=True,
    summary="Some of it will not arrive",
)
async def post_lost(inventory: Inventory, request: Request[Lost]) -> TransferView:
    transfer_id, lines, reason = request.path["transfer_id"], units_of(request.body.lines), request.body.reason
    return _view(
        await lose_transfer(inventory, transfer_id, lines, reason, user_id=request.user_id, if_match=request.if_match)
    )


@routes.post(
    "/transfers/{transfer_id:uuid}/cancel",
    answer=TransferView,
    who=EDIT,
    versioned=True,
    summary="What is on the way goes back",
)
async def post_canceled(inventory: Inventory, request: Request) -> TransferView:
    transfer_id = request.path["transfer_id"]
    return _view(await cancel_transfer(inventory, transfer_id, user_id=request.user_id, if_match=request.if_match))


def _draft(new: NewTransfer) -> Draft:
    expected_on = day_of(new.expected_on, "expected_on")
    return Draft(new.source, new.destination, merged(new.lines), expected_on, new.note)


def _summary(transfer: Transfer) -> TransferSummary:
    return msgspec.convert(transfer, TransferSummary, from_attributes=True)


def _view(transfer: Transfer) -> TransferView:
    return msgspec.convert(transfer, TransferView, from_attributes=True)
