"""No text from outside hides, or turns around, what a reader sees: whatever the route, and by one rule."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

import msgspec
import pytest

from stoa.app import SERVICES
from stoa.kit import text
from stoa.kit.http.routes import Routes

TAKEN = (
    "Ada",
    "O’Brien-Smith, 2nd floor",
    "Ærøskøbing",
    "李小龍",
    "علی",
    "می\u200cخواهم",
    "क्\u200dष",
    "👩\u200d🚀",
    "❤\ufe0f you",
    " a b ",
)
REFUSED = (
    "a\r\nBcc: eve@example.com", "a\nb", "a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b",
    "a\u202eb", "a\u2066b", "a\u200fb", "a\u061cb",
    "a\u200bb", "a\u200db", "a\u200cb", "a\u2060b", "a\ufeffb", "a\u00adb", "a\ufe0fb",
    "a\u034fb", "\u1160", "\u3164", "a\u2800b", "a\u180bb", "a\U000e0041b", "a\U000e0100b", "a\uffffb", "a\n",
)  # fmt: skip


@pytest.mark.parametrize("taken", TAKEN)
def test_what_people_are_called_is_taken(taken):
    for pattern in (text.LINE, text.FILLED_LINE, text.LINES):
        assert re.search(pattern, taken)


@pytest.mark.parametrize("refused", REFUSED, ids=ascii)
def test_what_cannot_be_seen_is_refused(refused):
    for pattern in (text.LINE, text.FILLED_LINE):
        assert not re.search(pattern, refused)
    assert bool(re.search(text.LINES, refused)) == (refused in {"a\r\nBcc: eve@example.com", "a\nb", "a\n"})


def test_a_line_may_be_empty_and_a_name_may_not():
    assert re.search(text.LINE, "")
    assert re.search(text.LINES, "a\n\n\tb\r\nc")
    for blank in ("", " ", "\u3000"):
        assert not re.search(text.FILLED_LINE, blank)


def test_a_long_text_is_looked_at_in_no_time():
    long = "👩\u200d" * 10_000
    assert not re.search(text.LINE, long + "\u202e")


def test_a_text_has_one_spelling_wherever_it_stands():
    said = {"e\u0301": ["e\u0301", ("o\u0308", 1), None], "plain": "Å"}
    assert text.in_nfc(said) == {"é": ["é", ("ö", 1), None], "plain": "\u00c5"}


SECRET = {"password", "current_password", "new_password", "refresh_token", "token"}
"""Never shown to anybody, and refused as they are would keep their owner out."""


OTHERWISE = {"specifications{}", "specifications{}[]", "translations{}"}
"""Looked at by `check_texts`, beside a list; a language, which is one of the shop's; and a `picture` that comes back is
not looked at, nor kept."""


def texts(shape: object, place: str, seen: frozenset[object] = frozenset()) -> Iterator[tuple[str, str | None]]:
    """Every text in a body with its pattern."""
    info = msgspec.inspect
    kind = shape if isinstance(shape, info.Type) else info.type_info(shape)
    if isinstance(kind, info.Metadata):
        kind = kind.type
    if isinstance(kind, info.StrType):
        yield place, kind.pattern
    elif isinstance(kind, info.StructType):
        if kind.cls not in seen:
            for field in kind.fields:
                yield from texts(field.type, f"{place}.{field.name}", seen | {kind.cls})
    elif isinstance(kind, info.UnionType):
        for each in kind.types:
            yield from texts(each, place, seen)
    elif isinstance(kind, info.DictType):
        yield from texts(kind.key_type, f"{place}{{}}", seen)
        yield from texts(kind.value_type, f"{place}{{}}", seen)
    elif isinstance(kind, info.CollectionType):
        yield from texts(kind.item_type, f"{place}[]", seen)


def every_text() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for service in SERVICES.values():
        routes = importlib.import_module(f"{service.package}.routes").routes
        assert isinstance(routes, Routes)
        for route in routes.bind(None).routes:
            if route.body not in {None, bytes}:
                found |= dict(texts(route.body, f"{route.method} {route.path} {route.body.__name__}"))
    return found


def test_every_text_of_every_body_is_held_to_a_pattern():
    found = every_text()
    assert len(found) > 50
    free = {place for place, pattern in found.items() if pattern is None}
    held_otherwise = {place for place in free if ".picture." in place or place.rpartition(".")[2] in OTHERWISE}
    assert {place for place in free - held_otherwise if place.rpartition(".")[2] not in SECRET} == set()


@pytest.mark.parametrize("refused", ["a\u202eb", "a\r\nb\x1b", "a\u200bb"], ids=ascii)
def test_no_pattern_of_any_body_takes_it(refused):
    assert [place for place, pattern in every_text().items() if pattern and re.search(pattern, refused)] == []
