"""Inventory's public API: what is available is everybody's to see, the rest is for those who keep the stock."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import date, datetime
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from stoa.kit import problems, text
from stoa.kit.http.bounds import skus_in
from stoa.kit.http.pages import decode_cursor, decode_key, encode_cursor, page_of
from stoa.kit.http.routes import OWN, PUBLIC, Request, Routes, may
from stoa.kit.http.types import Count, CountryCode, Label, Moment, Name, Page, PageQuery, Quantity, ShortText, Sku
from stoa.kit.ids import uuid7
from stoa.services.inventory import (
    backorders_repository,
    counts_routes,
    discrepancies_repository,
    movements_repository,
    receipts_routes,
    stock_repository,
    subscriptions_routes,
    transfers_routes,
)
from stoa.services.inventory.allocation.place import Latitude, Longitude, Place
from stoa.services.inventory.backorders_repository import BackorderRow
from stoa.services.inventory.bodies import WarehouseId
from stoa.services.inventory.count import (
    AT_ONCE,
    Line,
    Outcome,
    Shelf,
    set_on_hand,
    set_on_hand_of_many,
)
from stoa.services.inventory.documents_errors import CountedTwice
from stoa.services.inventory.errors import NoSuchSku, UnknownWarehouse, WarehouseInUse
from stoa.services.inventory.holds import ReservationRequest
from stoa.services.inventory.items import LeadDays, Policy
from stoa.services.inventory.open_warehouses import MAIN_WAREHOUSE
from stoa.services.inventory.owners import ask_for_owners
from stoa.services.inventory.policy import Terms, set_policy
from stoa.services.inventory.release import release_of
from stoa.services.inventory.reservation import Reservation
from stoa.services.inventory.rpc import Key
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.settings import HoldSeconds
from stoa.services.inventory.settle_discrepancy import settle_discrepancy
from stoa.services.inventory.stock_repository import Totals
from stoa.services.inventory.stock_views import (
    AvailabilityView,
    PromiseView,
    StockView,
    TotalsView,
    availability_view,
    stock_view,
)
from stoa.services.inventory.warehouses import (
    add_warehouse,
    close_warehouse,
    edit_warehouse,
    open_warehouse,
    remove_warehouse,
)

RowNumber = Annotated[int, Meta(ge=1, le=2**63 - 1)]

LOOK_AT = 10_000
"""SKUs that are added up for one page of those with little: some ten milliseconds."""

READ = may("inventory.stock.read")
COUNT = may("inventory.stock.count", own=True)
HOLD = may("inventory.stock.hold")
ARRANGE = may("inventory.warehouses.edit")
SETTLE = may("inventory.discrepancies.settle")

routes: Routes[Inventory] = Routes(
    "inventory",
    about={
        "sku": "The SKU, as its variant has it",
        "warehouse_id": "The warehouse's id: small letters, digits and hyphens",
        "discrepancy_id": "The discrepancy's number",
        "transfer_id": "The transfer's id",
        "receipt_id": "The receipt's id",
        "count_id": "The id of the stock count",
        "token": "What the mail has that tells of the subscription: its own key",
    },
)
routes.include(transfers_routes.routes)
routes.include(receipts_routes.routes)
routes.include(counts_routes.routes)
routes.include(subscriptions_routes.routes)


class NewPolicy(msgspec.Struct, forbid_unknown_fields=True):
    """How a SKU is promised. A `backorder` says within how many days it is sent, a `preorder` on which day the goods
    are there; both how many at most; what a policy does not have is refused. `safety_stock` is kept back, by warehouse.
    When no more than `low_stock_at` are available, staff are told."""

    policy: Policy = Policy.NONE
    limit: Count = 0
    lead_days: LeadDays | None = None
    available_on: date | None = None
    low_stock_at: Count | None = None
    safety_stock: Annotated[dict[WarehouseId, Count], Meta(max_length=100)] = {}


class BackorderQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """sku: only what is owed of this SKU"""

    sku: Sku | None = None


class OpenBackorderView(msgspec.Struct):
    """`quantity - filled` units are owed, as the `promise` that the buyer was given. `reservation` is `committed` where
    the order is placed."""

    id: int
    sku: str
    key: str
    order_id: str | None
    reservation: str
    quantity: int
    filled: int
    promise: PromiseView
    created_at: datetime


class NewCount(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody counted in one warehouse; without one, in the main."""

    on_hand: Count
    warehouse: WarehouseId = MAIN_WAREHOUSE
    reason: ShortText = ""


class CountedLine(msgspec.Struct, forbid_unknown_fields=True):
    sku: Sku
    on_hand: Count


class NewCounts(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody counted in one warehouse, without one in the main, of a SKU on one line."""

    lines: Annotated[list[CountedLine], Meta(min_length=1, max_length=AT_ONCE)]
    warehouse: WarehouseId = MAIN_WAREHOUSE
    reason: ShortText = ""


class CountResult(msgspec.Struct):
    """What became of a line. One that is refused has a `problem`, the others say what is there by now."""

    sku: str
    outcome: Outcome
    on_hand: int | None
    reserved: int | None
    problem: dict[str, Any] | None


class CountResults(msgspec.Struct):
    """`items` stand in the order of the request, `counts` say how many of each outcome there are."""

    items: list[CountResult]
    counts: dict[Outcome, int]


class AvailabilityQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """skus: with commas between them, 100 at most"""

    skus: Annotated[str, Meta(min_length=1, max_length=10_000, examples=["MUG-BLUE,MUG-RED"])]


class StockQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of these may have less than its limit, also nothing, and still be followed by another.

    low_stock: only what is nearly gone
    of_no_product: only what is there, or on its way, and that no product has: goods that came before it, or a slip of
        the pen
    """

    low_stock: bool = False
    of_no_product: bool = False


class NewHold(msgspec.Struct, forbid_unknown_fields=True):
    """`key` makes it repeatable and names it, among all who keep the stock. Without one the Idempotency-Key makes
    it repeatable, for the one who sent it, and the answer says by which name it goes."""

    quantity: Quantity
    key: Key | None = None
    hold_seconds: HoldSeconds | None = None


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
    """`quantity` is signed; `user_id` counted, sent or received, where no event did it. `document_id` is the transfer,
    the receipt or the count that it is part of."""

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
    document_id: str | None


class WarehouseView(msgspec.Struct):
    id: str
    name: str
    priority: int
    country: str | None
    region: str
    postal_code: str
    latitude: float | None
    longitude: float | None
    version: int
    created_at: datetime
    closed_at: datetime | None


class WarehouseQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """closed: those that are closed, too"""

    closed: bool = False


class WarehouseEdit(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The lower the `priority`, the earlier it is drawn from, where the shop does not go by where it is."""

    name: Name
    priority: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    country: CountryCode | None = None
    region: Label = ""
    postal_code: Annotated[str, Meta(max_length=20, pattern=text.LINE)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None

    def __post_init__(self) -> None:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")

    def place(self, warehouse_id: str) -> Place:
        return Place(
            warehouse_id, self.priority, self.country, self.region, self.postal_code, self.latitude, self.longitude
        )


class NewWarehouse(WarehouseEdit, forbid_unknown_fields=True, kw_only=True):
    id: WarehouseId


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
    return stock_view(stock)


@routes.get(
    "/availability",
    query=AvailabilityQuery,
    answer=Page[AvailabilityView],
    who=PUBLIC,
    summary="What can be bought of SKUs",
)
async def get_availability(inventory: Inventory, request: Request[None, AvailabilityQuery]) -> Page[AvailabilityView]:
    """In the order in which they are asked for. One that has no stock, or that nobody has, is not among `items`, which
    is no error."""
    skus = skus_in(request.query.skus)
    found = await stock_repository.stock_of_each(inventory.db, skus)
    return Page([availability_view(found[sku]) for sku in skus if sku in found])


@routes.put("/inventory", body=NewCounts, answer=CountResults, who=COUNT, summary="Count SKUs; each stands for itself")
async def put_stock_of_many(inventory: Inventory, request: Request[NewCounts]) -> CountResults:
    """What is refused of it leaves the rest as it says: less than is promised there, or what somebody else sells."""
    body = request.body
    counted: dict[str, int] = {}
    for at, line in enumerate(body.lines):
        if line.sku in counted:
            raise CountedTwice(line.sku, f"lines[{at}].sku")
        counted[line.sku] = line.on_hand
    results = await set_on_hand_of_many(
        inventory,
        counted,
        Shelf(body.warehouse, body.reason, request.user_id),
        sellers=_sellers(request),
    )
    return CountResults(
        items=[_count_result(at, one) for at, one in enumerate(results)],
        counts={outcome: sum(one.outcome == outcome for one in results) for outcome in get_args(Outcome)},
    )


@routes.put("/inventory/{sku}", body=NewCount, answer=StockView, who=COUNT, versioned=True, summary="Count a SKU")
async def put_stock(inventory: Inventory, request: Request[NewCount]) -> StockView:
    sku = _sku(request)
    stock = await set_on_hand(
        inventory,
        sku,
        request.body.on_hand,
        Shelf(request.body.warehouse, request.body.reason, request.user_id),
        sellers=_sellers(request),
        if_match=request.if_match,
    )
    return stock_view(stock)


@routes.put(
    "/inventory/{sku}/policy",
    body=NewPolicy,
    answer=StockView,
    who=COUNT,
    versioned=True,
    summary="Say how a SKU is promised",
)
async def put_policy(inventory: Inventory, request: Request[NewPolicy]) -> StockView:
    new = request.body
    terms = Terms(new.policy, new.limit, new.lead_days, new.available_on, new.low_stock_at, new.safety_stock)
    return stock_view(
        await set_policy(inventory, _sku(request), terms, sellers=_sellers(request), if_match=request.if_match)
    )


@routes.get(
    "/backorders",
    query=BackorderQuery,
    answer=Page[OpenBackorderView],
    who=READ,
    summary="What was promised without being on hand and is not there yet, the oldest first",
)
async def list_backorders(inventory: Inventory, request: Request[None, BackorderQuery]) -> Page[OpenBackorderView]:
    query = request.query
    after = decode_key(query.cursor, tuple[RowNumber])
    rows = await backorders_repository.open_after(inventory.db, after, query.limit + 1, query.sku)
    return page_of([_backorder_view(row) for row in rows], query.limit, lambda view: (view.id,))


@routes.get("/inventory", query=StockQuery, answer=Page[TotalsView], who=READ, summary="Stock of all SKUs")
async def list_stock(inventory: Inventory, request: Request[None, StockQuery]) -> Page[TotalsView]:
    query = request.query
    if query.low_stock and query.of_no_product:
        raise problems.Unprocessable("It is a list of its own: ask for one of the two.", field="of_no_product")
    (after,) = decode_cursor(query.cursor, tuple[Sku]) or ("",)
    if query.of_no_product:
        return await _of_no_product(inventory, after, query.limit)
    looked_to = None
    if query.low_stock:
        rows, looked_to = await stock_repository.low_after(
            inventory.db, after, inventory.settings.low_stock_at_most, query.limit + 1, look_at=LOOK_AT
        )
    else:
        rows = await stock_repository.totals_after(inventory.db, after, query.limit + 1)
    page = page_of([_totals(row) for row in rows], query.limit, lambda view: (view.sku,))
    if page.next_cursor is None and looked_to is not None:
        return Page(page.items, encode_cursor((looked_to,)))
    return page


async def _of_no_product(inventory: Inventory, after: str, limit: int) -> Page[TotalsView]:
    rows, looked_to = await stock_repository.of_no_product_after(inventory.db, after, limit, look_at=LOOK_AT)
    # A product of a moment ago may not have been told of yet.
    sold = await ask_for_owners(inventory, [row.sku for row in rows])
    last = rows[-1].sku if len(rows) == limit else looked_to
    items = [_totals(row) for row in rows if row.sku not in sold]
    return Page(items, None if last is None else encode_cursor((last,)))


def _totals(row: Totals) -> TotalsView:
    return TotalsView(row.sku, row.on_hand, row.reserved, row.on_hand - row.reserved, row.incoming)


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
    before = decode_cursor(query.cursor, tuple[Moment, RowNumber])
    rows = await movements_repository.movements_before(inventory.db, _sku(request), before, query.limit + 1)
    return page_of([MovementView(*row) for row in rows], query.limit, lambda view: (view.created_at, view.id))


@routes.get(
    "/warehouses",
    query=WarehouseQuery,
    answer=Page[WarehouseView],
    who=READ,
    summary="Warehouses, as they are drawn from",
)
async def list_warehouses(inventory: Inventory, request: Request[None, WarehouseQuery]) -> Page[WarehouseView]:
    found = await stock_repository.warehouses(inventory.db, closed=request.query.closed)
    return Page([WarehouseView(*row) for row in found])


@routes.post("/warehouses", body=NewWarehouse, answer=WarehouseView, status=201, who=ARRANGE, summary="Add a warehouse")
async def add_one_warehouse(inventory: Inventory, request: Request[NewWarehouse]) -> WarehouseView:
    new = request.body
    return WarehouseView(*await add_warehouse(inventory, new.name, new.place(new.id)))


@routes.get("/warehouses/{warehouse_id}", answer=WarehouseView, who=READ, summary="A warehouse")
async def show_warehouse(inventory: Inventory, request: Request) -> WarehouseView:
    warehouse_id = request.path["warehouse_id"]
    found = await stock_repository.warehouse(inventory.db, warehouse_id)
    if found is None:
        raise UnknownWarehouse(warehouse_id)
    return WarehouseView(*found)


@routes.put(
    "/warehouses/{warehouse_id}",
    body=WarehouseEdit,
    answer=WarehouseView,
    who=ARRANGE,
    versioned=True,
    summary="Say what a warehouse is called and where it is",
)
async def put_warehouse(inventory: Inventory, request: Request[WarehouseEdit]) -> WarehouseView:
    edit = request.body
    place = edit.place(request.path["warehouse_id"])
    return WarehouseView(*await edit_warehouse(inventory, edit.name, place, if_match=request.if_match))


@routes.delete(
    "/warehouses/{warehouse_id}",
    who=ARRANGE,
    versioned=True,
    raises=(WarehouseInUse,),
    summary="Remove a warehouse that nothing has been in",
)
async def delete_warehouse(inventory: Inventory, request: Request) -> None:
    """One that was added by mistake. Where goods have been stays, and can be closed."""
    await remove_warehouse(inventory, request.path["warehouse_id"], if_match=request.if_match)


@routes.post(
    "/warehouses/{warehouse_id}/close",
    answer=WarehouseView,
    who=ARRANGE,
    versioned=True,
    summary="Close a warehouse in which nothing is left",
)
async def close_one_warehouse(inventory: Inventory, request: Request) -> WarehouseView:
    """From now on it takes no goods, no transfer, no receipt and no count, and is not shown with a SKU's stock. What
    comes back of what was sold from there goes to the main warehouse."""
    return WarehouseView(*await close_warehouse(inventory, request.path["warehouse_id"], if_match=request.if_match))


@routes.post(
    "/warehouses/{warehouse_id}/open",
    answer=WarehouseView,
    who=ARRANGE,
    versioned=True,
    summary="Open a closed warehouse again",
)
async def open_one_warehouse(inventory: Inventory, request: Request) -> WarehouseView:
    return WarehouseView(*await open_warehouse(inventory, request.path["warehouse_id"], if_match=request.if_match))


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


def _sellers(request: Request[object]) -> Collection[str] | None:
    """Whose stock the caller may change: None for anybody's."""
    caller = request.principal
    return None if caller is None or caller.may("inventory.stock.count") else caller.sellers


def _count_result(at: int, line: Line) -> CountResult:
    problem = line.problem
    if problem is not None:
        problem.field = f"lines[{at}].{problem.field}"
    return CountResult(
        line.sku, line.outcome, line.on_hand, line.reserved, None if problem is None else problem.document()
    )


def _backorder_view(row: BackorderRow) -> OpenBackorderView:
    return OpenBackorderView(**row._asdict() | {"promise": PromiseView(*row.promise)})


def _reservation_view(reservation: Reservation) -> ReservationView:
    lines = [LineView(sku, units) for sku, units in reservation.lines.items()]
    return ReservationView(reservation.id, reservation.key, reservation.state, lines, reservation.expires_at)
