"""Pages that go on behind the last hit shown, not at a number of hits: what comes or goes meanwhile moves nothing.

A hit's place is its key (a score, or the value sorted by with some bits of its id) and, where keys are equal, a hash of
its id. tantivy gives equal keys in whatever order: the last of those it gave are looked at only when all are there.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Annotated, NamedTuple

import msgspec
import tantivy

from stoa.ports.search import MOST_SHOWN, BadPosition, Sort
from stoa.services.search.index.best import Best
from stoa.services.search.index.fields import Fields, of
from stoa.services.search.index.queries import all_of

Key = float | int | str
_BEHIND = 8
"""So many more than are shown are asked for: whether there is a next page, and a few equal keys."""

_Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: of which sort and which attempt at the text (`searching.py`) it was."""

    sort: Sort
    attempt: Annotated[int, msgspec.Meta(ge=0, le=1000)]
    shown: Annotated[int, msgspec.Meta(ge=0, le=MOST_SHOWN * 100)]
    tie: _Whole
    key: (
        Annotated[float, msgspec.Meta(ge=-1e38, le=1e38)]
        | _Whole
        | Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{1,800}$")]
    )


_POSITIONS = msgspec.msgpack.Decoder(Position)


def encode(position: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(position)).decode().rstrip("=")


def decode(after: str, sort: Sort) -> Position:
    """Raises `BadPosition`."""
    try:
        position = _POSITIONS.decode(base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True))
    except (ValueError, msgspec.DecodeError) as bad:
        raise BadPosition(str(bad)) from None
    if position.sort != sort or not isinstance(position.key, _KINDS[sort]):
        raise BadPosition(f"It is not of a list sorted by {sort}.")
    return position


class _Order(NamedTuple):
    field: str | None
    """None: the score."""
    falling: bool


_ORDERS = {
    Sort.RELEVANCE: _Order(None, True),
    Sort.NEWEST: _Order("by_newest", True),
    Sort.PRICE: _Order("by_price", False),
    Sort.PRICE_DESCENDING: _Order("by_price", True),
    Sort.POPULARITY: _Order("by_popularity", True),
    Sort.NAME: _Order("by_name", False),
}
COLUMNS: dict[Sort, tuple[str, bool]] = {
    sort: (order.field, order.falling) for sort, order in _ORDERS.items() if order.field and sort is not Sort.NAME
}
"""Numbers that are sorted by, and whether they fall."""
_KINDS: dict[Sort, type] = dict.fromkeys(Sort, int) | {Sort.RELEVANCE: float, Sort.NAME: str}


class Row(NamedTuple):
    key: Key
    tie: int
    address: tantivy.DocAddress


class Rows(NamedTuple):
    rows: list[Row]
    more: bool


class Pager:
    """Of one searcher."""

    def __init__(self, index: tantivy.Index, searcher: tantivy.Searcher, fields: Fields, locale: str) -> None:
        self._index = index
        self._searcher = searcher
        self._fields = fields
        self._locale = locale

    def page(
        self,
        query: tantivy.Query,
        sort: Sort,
        limit: int,
        after: Position | None,
        *,
        weight: str,
        best: Callable[[int], Best | None] | None = None,
    ) -> Rows:
        """At most `limit` hits. By relevance it is the score of the query that sorts, times the field `weight`.

        `best` says which of them come first, or None.
        """
        order = _ORDERS[sort]
        if after is not None and order.field is not None:
            query = all_of([query, self._behind(sort, after)])
        # Scores cannot be asked for by range: by relevance everything that was shown is passed again.
        asked = limit + _BEHIND + (after.shown if after is not None and order.field is None else 0)
        rows = self._first(best(asked) if best else None, sort, asked, weight)
        while True:
            if rows is None:
                rows = self._rows(self._ask(query, sort, asked, weight), falling=order.falling)
            complete = len(rows) < asked
            last = rows[-1].key if rows else None
            whole = rows if complete else [row for row in rows if row.key != last]
            if after is not None:
                whole = [row for row in whole if _place(row.key, row.tie, order) > _place(after.key, after.tie, order)]
            if complete or len(whole) > limit:
                return Rows(whole[:limit], len(whole) > limit)
            rows = None
            asked *= 4

    def _first(self, best: Best | None, sort: Sort, asked: int, weight: str) -> list[Row] | None:
        """So many of the best, if they are there."""
        if best is None:
            return None
        rows = self._rows(self._ask(best.query, sort, asked, weight), falling=_ORDERS[sort].falling)
        reached = best.least is None or (bool(rows) and float(rows[-1].key) >= best.least)
        return rows if len(rows) == asked and reached else None

    def _ask(self, query: tantivy.Query, sort: Sort, limit: int, weight: str) -> tantivy.SearchResult:
        order = _ORDERS[sort]
        if order.field is None:
            return self._searcher.search(query, limit, count=False, weight_by_field=weight)
        direction = tantivy.Order.Desc if order.falling else tantivy.Order.Asc
        return self._searcher.search(query, limit, count=False, order_by_field=self._field(sort), order=direction)

    def _rows(self, result: tantivy.SearchResult, *, falling: bool) -> list[Row]:
        addresses = [address for _, address in result.hits]
        ties = self._searcher.fast_field_values("tie", addresses) if addresses else []
        rows = [Row(key, int(tie or 0), address) for (key, address), tie in zip(result.hits, ties, strict=True)]
        # Sorted by key they are already, so that this puts equal ones in order.
        rows.sort(key=lambda row: row.tie)
        rows.sort(key=lambda row: row.key, reverse=falling)
        return rows

    def _behind(self, sort: Sort, after: Position) -> tantivy.Query:
        """From the position on, what has the same key included."""
        if isinstance(after.key, str):
            # Nothing but hexadecimal goes into the parser, which alone makes ranges of texts.
            return self._index.parse_query(f"{self._field(sort)}:[{after.key} TO *]", ["id"])
        lower, upper = (None, after.key) if _ORDERS[sort].falling else (after.key, None)
        kind = tantivy.FieldType.Integer
        return tantivy.Query.range_query(self._fields.schema, self._field(sort), kind, lower, upper)

    def _field(self, sort: Sort) -> str:
        field = _ORDERS[sort].field
        assert field is not None
        return of(field, self._locale) if sort is Sort.NAME else field


def _place(key: Key, tie: int, order: _Order) -> tuple[Key, int]:
    """What rises from hit to hit."""
    return (-key if order.falling and not isinstance(key, str) else key), tie
