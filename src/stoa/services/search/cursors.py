"""A cursor of search goes on with the search that it is of: the place of a hit says nothing in another. Pure."""

from __future__ import annotations

import base64
import hashlib

import msgspec
from msgspec.structs import replace

from stoa.kit.http.pages import BadCursor
from stoa.services.search.asked import SearchQuery

_BYTES = 6
_LETTERS = _BYTES * 4 // 3


def place_in(asked: SearchQuery, locale: str) -> str | None:
    """What the index is to go on behind; None on the first page. `locale` is what counts where none was asked for.
    Raises `BadCursor`."""
    if asked.cursor is None:
        return None
    if not asked.cursor.startswith(_mark(asked, locale)):
        raise BadCursor("Use next_cursor of the page before, unchanged, with the same search.", field="cursor")
    return asked.cursor[_LETTERS:]


def cursor_of(place: str | None, asked: SearchQuery, locale: str) -> str | None:
    return None if place is None else _mark(asked, locale) + place


def _mark(asked: SearchQuery, locale: str) -> str:
    """Of what decides which hits there are, in which order. How many are shown, and what is counted, may differ."""
    search = replace(asked, cursor=None, limit=1, facets="none", locale=asked.locale or locale)
    digest = hashlib.blake2b(msgspec.json.encode(search, order="deterministic"), digest_size=_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()
