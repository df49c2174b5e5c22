"""The public API of orders as a file."""

from __future__ import annotations

import msgspec

from stoa.kit.http.routes import FileOf, Request, Routes, Streamed, may
from stoa.kit.http.types import Moment
from stoa.services.order import access
from stoa.services.order.export_orders import Format, export_orders
from stoa.services.order.placed_between import first_id, last_id
from stoa.services.order.service import Orders

routes: Routes[Orders] = Routes("order")

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """format: CSV, a row for each line of an order with names in the first row; or an order in JSON on each line
    placed_from: only orders whose checkout began then or later
    placed_to: only orders whose checkout began before
    """

    format: Format = "csv"
    placed_from: Moment | None = None
    placed_to: Moment | None = None


@routes.get(
    "/orders/export",
    query=ExportQuery,
    answer=FileOf(("text/csv", "application/jsonl")),
    who=may(access.EXPORT),
    summary="Orders as a file, the oldest first",
)
async def export(orders: Orders, request: Request[None, ExportQuery]) -> Streamed:
    """What a spreadsheet could take for a formula has an apostrophe before it."""
    query = request.query
    pieces = await export_orders(orders, query.format, first_id(query.placed_from), last_id(query.placed_to))
    headers = {"Content-Disposition": f'attachment; filename="orders.{query.format}"'}
    return Streamed(pieces, CONTENT_TYPES[query.format], headers=headers)
