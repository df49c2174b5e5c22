"""Keyset pages: a cursor is the sort position of the last row shown, so a page costs the same at any depth.

rows = await repository.orders_after(db, user_id, decode_cursor(query.cursor, tuple[Moment, Id]), query.limit + 1)
return page_of([view(row) for row in rows], query.limit, lambda order: (order.created_at, order.id))
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from stoa.kit import problems
from stoa.kit.http.decoding import nul_in
from stoa.kit.http.types import MOST_CURSOR, Page

T = TypeVar("T")


class BadCursor(problems.Unprocessable):
    title = "The cursor is not one of ours"
    slug = "bad-cursor"


def encode_cursor(position: tuple[Any, ...]) -> str:
    """An opaque text that `decode_cursor` turns back into `position`. Of what it sorts by a list puts only the
    beginning there: a longer one would end the pages."""
    cursor = base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")
    assert len(cursor) <= MOST_CURSOR, f"a cursor of {len(cursor)} characters: {position}"
    return cursor


def decode_cursor(cursor: str | None, shape: type[T]) -> T | None:
    """The position in `cursor`; None without one. Raises `BadCursor` unless it fits `shape`.

    A cursor comes from outside and goes into SQL: give its members bounded types (`Id`, `Moment`).
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = msgspec.json.decode(text, type=shape)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadCursor("Use next_cursor of the page before, unchanged.", field="cursor") from None
    if nul_in(msgspec.to_builtins(position)) is not None:
        raise BadCursor("Use next_cursor of the page before, unchanged.", field="cursor")
    return position


def decode_key(cursor: str | None, shape: type[tuple[T, ...]]) -> T | None:
    """The same of a list that is sorted by one column: `decode_key(query.cursor, tuple[Id])`."""
    position = decode_cursor(cursor, shape)
    return None if position is None else position[0]


def page_of(items: Sequence[T], limit: int, position: Callable[[T], tuple[Any, ...]]) -> Page[T]:
    """A page of the first `limit` of `items`, which were fetched with one more to see whether more follow."""
    shown = list(items[:limit])
    more = len(items) > limit
    return Page(shown, encode_cursor(position(shown[-1])) if more else None)
