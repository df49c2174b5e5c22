"""The public API of counts of a warehouse, for staff alone. Who counts one SKU needs none: `PUT /inventory/{sku}`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Count, Id, Page, PageQuery, ShortText, Sku
from stoa.services.inventory import counts_repository
from stoa.services.inventory.bodies import WarehouseId
from stoa.services.inventory.count import AT_ONCE
from stoa.services.inventory.counts_repository import CountRow, CountState, Only
from stoa.services.inventory.documents_errors import CountedTwice, NoSuchCount
from stoa.services.inventory.open_warehouses import MAIN_WAREHOUSE
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.stocktake import Found, apply_count, cancel_count, count_lines, open_count

READ = may("inventory.stock.read")
EDIT = may("inventory.counts.edit")

Skus = Annotated[list[Sku], Meta(min_length=1, max_length=AT_ONCE)]

routes: Routes[Inventory] = Routes("inventory")


class NewStockCount(msgspec.Struct, forbid_unknown_fields=True):
    """Of these `skus`, or of all that the warehouse has had."""

    warehouse: WarehouseId = MAIN_WAREHOUSE
    skus: Skus | None = None
    note: ShortText = ""


class FoundLine(msgspec.Struct, forbid_unknown_fields=True):
    sku: Sku
    counted: Count
    reason: ShortText = ""


class FoundLines(msgspec.Struct, forbid_unknown_fields=True):
    """What lies on the shelf now, of a SKU on one line."""

    lines: Annotated[list[FoundLine], Meta(min_length=1, max_length=AT_ONCE)]


class ToApply(msgspec.Struct, forbid_unknown_fields=True):
    """Of these `skus`, or the next 500 of all that is counted."""

    skus: Skus | None = None


class StockCountSummary(msgspec.Struct):
    id: str
    warehouse: str
    state: CountState
    note: str
    created_at: datetime
    changed_at: datetime


class StockCountView(StockCountSummary):
    """Of its `lines` so many are `counted`, `different` from what was expected, and `applied`, which is booked."""

    lines: int
    counted: int
    different: int
    applied: int
    version: int


class CountAgain(msgspec.Struct):
    """More of it is promised than would be left by what was counted."""

    sku: str
    counted: int
    reserved: int


class AppliedView(StockCountView):
    """`left` are counted and not booked yet: ask again. What stands in `count_again` was not booked."""

    left: int
    count_again: list[CountAgain]


class StockCountLineView(msgspec.Struct):
    """`expected` is what was on hand when it was counted."""

    sku: str
    expected: int | None
    counted: int | None
    difference: int | None
    reason: str
    counted_at: datetime | None
    counted_by: str | None
    applied_at: datetime | None


class StockCountQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """state: `open` is what is not booked to its end; left out: all"""

    state: CountState | None = None


class StockCountLinesQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """only: `uncounted` is what is left to do, `different` what to look over; left out: all lines"""

    only: Only | None = None


@routes.get(
    "/stock-counts",
    query=StockCountQuery,
    answer=Page[StockCountSummary],
    who=READ,
    summary="Counts of warehouses, the newest first",
)
async def list_counts(inventory: Inventory, request: Request[None, StockCountQuery]) -> Page[StockCountSummary]:
    query = request.query
    before = decode_key(query.cursor, tuple[Id])
    found = await counts_repository.counts_before(inventory.db, before, query.limit + 1, query.state)
    return page_of([StockCountSummary(*_head(one)) for one in found], query.limit, lambda view: (view.id,))


@routes.post("/stock-counts", body=NewStockCount, answer=StockCountView, status=201, who=EDIT, summary="Begin to count")
async def post_count(inventory: Inventory, request: Request[NewStockCount]) -> StockCountView:
    new = request.body
    skus = None if new.skus is None else sorted(set(new.skus))
    return _view(await open_count(inventory, new.warehouse, skus, new.note))


@routes.get("/stock-counts/{count_id:uuid}", answer=StockCountView, who=READ, summary="A count, and how far it is")
async def get_count(inventory: Inventory, request: Request) -> StockCountView:
    return _view(await _known(inventory, request.path["count_id"]))


@routes.get(
    "/stock-counts/{count_id:uuid}/lines",
    query=StockCountLinesQuery,
    answer=Page[StockCountLineView],
    who=READ,
    summary="The lines of a count, by SKU",
)
async def list_count_lines(
    inventory: Inventory, request: Request[None, StockCountLinesQuery]
) -> Page[StockCountLineView]:
    query, count_id = request.query, request.path["count_id"]
    after = decode_key(query.cursor, tuple[Sku]) or ""
    found = await counts_repository.lines_after(inventory.db, count_id, after, query.limit + 1, query.only)
    if not found:
        await _known(inventory, count_id)
    return page_of([StockCountLineView(*one) for one in found], query.limit, lambda view: (view.sku,))


@routes.put(
    "/stock-counts/{count_id:uuid}/lines",
    body=FoundLines,
    answer=StockCountView,
    who=EDIT,
    versioned=True,
    summary="What lies there",
)
async def put_lines(inventory: Inventory, request: Request[FoundLines]) -> StockCountView:
    found: dict[str, Found] = {}
    for at, line in enumerate(request.body.lines):
        if line.sku in found:
            raise CountedTwice(line.sku, f"lines[{at}].sku")
        found[line.sku] = Found(line.counted, line.reason)
    count_id = request.path["count_id"]
    return _view(await count_lines(inventory, count_id, found, user_id=request.user_id, if_match=request.if_match))


@routes.post(
    "/stock-counts/{count_id:uuid}/apply",
    body=ToApply,
    answer=AppliedView,
    who=EDIT,
    versioned=True,
    summary="Book what was counted",
)
async def post_applied(inventory: Inventory, request: Request[ToApply]) -> AppliedView:
    count_id, skus = request.path["count_id"], request.body.skus
    count, again = await apply_count(inventory, count_id, skus, user_id=request.user_id, if_match=request.if_match)
    view = _view(count)
    left = count.counted - count.applied
    return AppliedView(**msgspec.structs.asdict(view), left=left, count_again=[CountAgain(*one) for one in again])


@routes.post(
    "/stock-counts/{count_id:uuid}/cancel",
    answer=StockCountView,
    who=EDIT,
    versioned=True,
    summary="What is not booked will not be",
)
async def post_count_canceled(inventory: Inventory, request: Request) -> StockCountView:
    return _view(await cancel_count(inventory, request.path["count_id"], request.if_match))


async def _known(inventory: Inventory, count_id: str) -> CountRow:
    found = await counts_repository.count(inventory.db, count_id)
    if found is None:
        raise NoSuchCount
    return found


def _head(one: CountRow) -> tuple[str, str, CountState, str, datetime, datetime]:
    return one.id, one.warehouse_id, one.state, one.note, one.created_at, one.changed_at


def _view(one: CountRow) -> StockCountView:
    return StockCountView(*_head(one), one.lines, one.counted, one.different, one.applied, one.version)
