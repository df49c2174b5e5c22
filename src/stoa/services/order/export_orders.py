"""Orders as a file, the oldest first: page by page, so that it may be of any size."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Literal

import msgspec

from stoa.kit import ids, staff_acts
from stoa.services.order import repository
from stoa.services.order.order_table import HEADER, lines_of, rows_of
from stoa.services.order.repository import Order
from stoa.services.order.service import Orders
from stoa.services.order.view import view

Format = Literal["csv", "jsonl"]
ONE_PAGE = 200

_encode = msgspec.json.Encoder().encode


async def export_orders(orders: Orders, written_as: Format, since: str, before: str) -> AsyncGenerator[bytes, None]:
    """Those from the id `since` on and before the id `before`. That it was asked for is kept: it is about people."""
    asked = {"format": written_as, "from": _moment(since), "to": _moment(before)}
    async with orders.db.transaction() as tx:
        await staff_acts.record(tx, act="order.exported", subject="orders", before={}, after=asked)
    return _pages(orders, written_as, since, before)


async def _pages(orders: Orders, written_as: Format, since: str, before: str) -> AsyncGenerator[bytes, None]:
    if written_as == "csv":
        yield lines_of([HEADER])
    page = await repository.orders_from(orders.db, since, before, ONE_PAGE)
    while page:
        yield _written(page, written_as)
        page = await repository.orders_after(orders.db, page[-1].id, before, ONE_PAGE)


def _written(page: list[Order], written_as: Format) -> bytes:
    if written_as == "csv":
        return lines_of(row for order in page for row in rows_of(order))
    return b"".join(_encode(view(order, private=True)) + b"\n" for order in page)


def _moment(order_id: str) -> str | None:
    return None if order_id in {ids.FIRST, ids.LAST} else ids.moment_of(order_id).isoformat()
