"""Inventory's public API: what is available is everybody's to see, the rest is for those who keep the stock."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit.http.pages import decode_cursor, decode_key, encode_cursor, page_of
from stoa.kit.http.routes import OWN, PUBLIC, Request, Routes, may
from stoa.kit.http.types import Count, Name, Page, PageQuery, Quantity, ShortText, Sku
from stoa.kit.ids import uuid7
from stoa.services.inventory import discrepancies_repository, stock_repository
from stoa.services.inventory.add_warehouse import add_warehouse
from stoa.services.inventory.count import MAIN_WAREHOUSE, set_on_hand
from stoa.services.inventory.errors import NoSuchSku
from stoa.services.inventory.holds import ReservationRequest
from stoa.services.inventory.release import release_of
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.rpc import Key
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.settle_discrepancy import settle_discrepancy
from stoa.services.inventory.stock_rows import StockRow, version_of

WarehouseId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(?!\n)$")]
RowNumber = Annotated[int, Meta(ge=1, le=2**63 - 1)]

LOOK_AT = 10_000
"""SKUs that are added up for one page of those with little: some ten milliseconds."""

READ = may("inventory.stock.read")
COUNT = may("inventory.stock.count", own=True)
HOLD = may("inventory.stock.hold")
ARRANGE = may("inventory.warehouses.edit")
SETTLE = may("inventory.discrepancies.settle")

routes: Routes[Inventory] = Routes("inventory")


class StockRowView(msgspec.Struct):
    warehouse: str
    on_hand: int
    reserved: int
    available: int


class TotalsView(msgspec.Struct):
    """One SKU over all warehouses."""

    sku: str
    on_hand: int
    reserved: int
    available: int


class StockView(TotalsView):
    """`warehouses` stand in the order in which they are drawn from. `version` counts the changes of what is on hand:
    counts, sales and returns, but no holds."""

    warehouses: list[StockRowView]
    version: int


class NewCount(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody counted in one warehouse; without one, in the main."""

    on_hand: Count
    warehouse: WarehouseId = MAIN_WAREHOUSE
    reason: ShortText = ""


class StockQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`low_stock=true` shows only what is nearly gone. A page of that may have less than its limit, also nothing, and
    still be followed by another."""

    low_stock: bool = False


class NewHold(msgspec.Struct, forbid_unknown_fields=True):
    """`key` makes it repeatable and names it, among all who keep the stock. Without one the Idempotency-Key makes
    it repeatable, for the one who sent it, and the answer says by which name it goes."""

    quantity: Quantity
    key: Key | None = None
    hold_seconds: Annotated[int, Meta(ge=1, le=86_400)] | None = None


class LineView(msgspec.Struct):
    sku: str
    quantity: int


class ReservationView(msgspec.Struct):
    id: str
    key: str
    state: str
    lines: list[LineView]
    expires_at: datetime | None


class ReleaseOf(msgspec.Struct, forbid_unknown_fields=True):
    key: Key


class Released(msgspec.Struct):
    key: str
    state: str


class MovementView(msgspec.Struct):
    """`quantity` is signed; `user_id` counted or received, where no event did it."""

    id: int
    sku: str
    warehouse: str
    kind: str
    quantity: int
    order_id: str | None
    return_id: str | None
    reason: str
    user_id: str | None
    created_at: datetime


class WarehouseView(msgspec.Struct):
    id: str
    name: str
    priority: int
    created_at: datetime


class NewWarehouse(msgspec.Struct, forbid_unknown_fields=True):
    """The lower the `priority`, the earlier it is drawn from."""

    id: WarehouseId
    name: Name
    priority: Annotated[int, Meta(ge=0, le=1_000_000)] = 100


class DiscrepancyView(msgspec.Struct):
    """Sold or sent back without stock to answer for it: somebody must count the shelf, then settle it."""

    id: int
    kind: str
    order_id: str
    return_id: str | None
    number: str
    detail: str
    lines: dict[str, int]
    noted_at: datetime


class Settlement(msgspec.Struct, forbid_unknown_fields=True):
    note: ShortText = ""


@routes.get("/inventory/{sku}", answer=StockView, who=PUBLIC, summary="Stock of a SKU")
async def show_stock(inventory: Inventory, request: Request) -> StockView:
    # What cannot be a SKU has no stock: nothing else need be looked at.
    sku = request.path["sku"]
    stock = await inventory.stock.get(sku)
    if stock is None:
        raise NoSuchSku(sku)
    return _stock_view(sku, stock)


@routes.put("/inventory/{sku}", body=NewCount, answer=StockView, who=COUNT, versioned=True, summary="Count a SKU")
async def put_stock(inventory: Inventory, request: Request[NewCount]) -> StockView:
    sku = _sku(request)
    caller = request.principal
    sellers = None if caller is None or caller.may("inventory.stock.count") else caller.sellers
    stock = await set_on_hand(
        inventory,
        sku,
        request.body.on_hand,
        warehouse_id=request.body.warehouse,
        reason=request.body.reason,
        user_id=request.user_id,
        sellers=sellers,
        if_match=request.if_match,
    )
    return _stock_view(sku, stock)


@routes.get("/inventory", query=StockQuery, answer=Page[TotalsView], who=READ, summary="Stock of all SKUs")
async def list_stock(inventory: Inventory, request: Request[None, StockQuery]) -> Page[TotalsView]:
    query = request.query
    (after,) = decode_cursor(query.cursor, tuple[Sku]) or ("",)
    looked_to = None
    if query.low_stock:
        rows, looked_to = await stock_repository.low_after(
            inventory.db, after, inventory.settings.low_stock_at_most, query.limit + 1, look_at=LOOK_AT
        )
    else:
        rows = await stock_repository.totals_after(inventory.db, after, query.limit + 1)
    views = [TotalsView(row.sku, row.on_hand, row.reserved, row.on_hand - row.reserved) for row in rows]
    page = page_of(views, query.limit, lambda view: (view.sku,))
    if page.next_cursor is None and looked_to is not None:
        return Page(page.items, encode_cursor((looked_to,)))
    return page


@routes.post(
    "/inventory/{sku}/reserve",
    body=NewHold,
    answer=ReservationView,
    who=HOLD,
    idempotent=OWN,
    summary="Hold some of a SKU",
)
async def reserve_stock(inventory: Inventory, request: Request[NewHold]) -> ReservationView:
    """The reservation carries the key, so a repeat gets it as it is by then, held for longer if it still is."""
    key = request.body.key or _own_key(request) or uuid7()
    hold_seconds = request.body.hold_seconds or inventory.settings.hold_seconds
    asked_for = ReservationRequest(key, {_sku(request): request.body.quantity}, hold_seconds)
    return _reservation_view(await inventory.reserving.submit(asked_for))


@routes.post("/inventory/{sku}/release", body=ReleaseOf, answer=Released, who=HOLD, summary="Give a hold back")
async def release_stock(inventory: Inventory, request: Request[ReleaseOf]) -> Released:
    return Released(request.body.key, await release_of(inventory, _sku(request), request.body.key))


@routes.get(
    "/inventory/{sku}/movements",
    query=PageQuery,
    answer=Page[MovementView],
    who=READ,
    summary="Every change of what is on hand, the newest first",
)
async def list_movements(inventory: Inventory, request: Request[None, PageQuery]) -> Page[MovementView]:
    query = request.query
    before = decode_key(query.cursor, tuple[RowNumber])
    rows = await stock_repository.movements_before(inventory.db, _sku(request), before, query.limit + 1)
    return page_of([MovementView(*row) for row in rows], query.limit, lambda view: (view.id,))


@routes.get("/warehouses", answer=Page[WarehouseView], who=READ, summary="Warehouses, as they are drawn from")
async def list_warehouses(inventory: Inventory, request: Request) -> Page[WarehouseView]:  # noqa: ARG001
    return Page([WarehouseView(*row) for row in await stock_repository.warehouses(inventory.db)])


@routes.post("/warehouses", body=NewWarehouse, answer=WarehouseView, status=201, who=ARRANGE, summary="Add a warehouse")
async def add_one_warehouse(inventory: Inventory, request: Request[NewWarehouse]) -> WarehouseView:
    new = request.body
    return WarehouseView(*await add_warehouse(inventory, new.id, new.name, new.priority))


@routes.get(
    "/stock-discrepancies",
    query=PageQuery,
    answer=Page[DiscrepancyView],
    who=READ,
    summary="Sales and returns that no stock answers for",
)
async def list_discrepancies(inventory: Inventory, request: Request[None, PageQuery]) -> Page[DiscrepancyView]:
    query = request.query
    after = decode_key(query.cursor, tuple[RowNumber])
    rows = await discrepancies_repository.discrepancies_after(inventory.db, after, query.limit + 1)
    return page_of([DiscrepancyView(*row) for row in rows], query.limit, lambda view: (view.id,))


@routes.post(
    "/stock-discrepancies/{discrepancy_id}/settle", body=Settlement, who=SETTLE, summary="The shelf was counted"
)
async def settle_one_discrepancy(inventory: Inventory, request: Request[Settlement]) -> None:
    given = request.path["discrepancy_id"]
    # None has the number 0.
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0
    await settle_discrepancy(inventory, number, request.body.note)


def _own_key(request: Request[NewHold]) -> str | None:
    """The Idempotency-Key as a key of the caller's own: reservations of all callers share one namespace."""
    if request.idempotency_key is None:
        return None
    return f"staff:{request.user_id}:{hashlib.sha256(request.idempotency_key.encode()).hexdigest()}"


def _sku(request: Request[object, object]) -> str:
    """The SKU in the path. Raises `NoSuchSku` for what cannot be one."""
    sku = request.path["sku"]
    try:
        return msgspec.convert(sku, Sku)
    except msgspec.ValidationError:
        raise NoSuchSku(sku) from None


def _stock_view(sku: str, stock: list[StockRow]) -> StockView:
    on_hand = sum(row.on_hand for row in stock)
    reserved = sum(row.reserved for row in stock)
    warehouses = [StockRowView(one.warehouse_id, one.on_hand, one.reserved, one.available) for one in stock]
    return StockView(sku, on_hand, reserved, on_hand - reserved, warehouses, version_of(stock))


def _reservation_view(reservation: Reservation) -> ReservationView:
    lines = [LineView(sku, units) for sku, units in reservation.lines.items()]
    return ReservationView(reservation.id, reservation.key, reservation.state, lines, reservation.expires_at)
