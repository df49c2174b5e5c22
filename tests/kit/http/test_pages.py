"""A cursor comes back as it went out, and a made-up one is the caller's fault, never ours."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from stoa.kit.http.pages import BadCursor, decode_cursor, encode_cursor, page_of
from stoa.kit.http.types import Id, Moment

ID = "01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f"
AT = datetime(2026, 11, 21, 10, 30, 0, 123456, tzinfo=UTC)
SHAPE = tuple[Moment, Id]


def test_there_and_back():
    cursor = encode_cursor((AT, ID))
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&? ")
    assert decode_cursor(cursor, SHAPE) == (AT, ID)
    assert decode_cursor(None, SHAPE) is None


def forged(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "?",
        "a",
        "ä",
        "\ud800",
        forged(b"not json"),
        forged(b"[]"),
        forged(b'["2026-11-21T10:30:00Z"]'),
        forged(b'["2026-11-21T10:30:00","' + ID.encode() + b'"]'),
        forged(b'["2026-11-21T10:30:00Z","1 OR 1=1"]'),
        forged(b'["2026-11-21T10:30:00Z","' + ID.encode() + b'\\n"]'),
        forged(b'["\xff","x"]'),
        forged(b"[" * 100_000),
        encode_cursor((AT, ID)) + "AA",
    ],
)
def test_a_forged_cursor_is_refused_with_its_field(cursor):
    with pytest.raises(BadCursor) as refused:
        decode_cursor(cursor, SHAPE)
    assert (refused.value.status, refused.value.field) == (422, "cursor")


def test_nul_in_a_text_is_refused():
    with pytest.raises(BadCursor):
        decode_cursor(encode_cursor(("a\0b",)), tuple[str])


def test_the_one_row_more_becomes_the_cursor_of_the_last_shown():
    assert page_of([1, 2], 2, lambda item: (item,)).next_cursor is None
    page = page_of([1, 2, 3], 2, lambda item: (item,))
    assert page.items == [1, 2]
    assert decode_cursor(page.next_cursor, tuple[int]) == (2,)
    assert page_of([], 2, lambda item: (item,)).items == []
