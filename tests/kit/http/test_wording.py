"""Who sent what does not fit is told what would, in words."""

from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from stoa.kit.http.decoding import converted, decode_body, decode_query
from stoa.kit.http.types import (
    CountryCode,
    CurrencyCode,
    Email,
    GroupName,
    Id,
    LongText,
    MediaUrl,
    Name,
    Phone,
    ShortText,
    Sku,
    Slug,
)
from stoa.kit.problems import Unprocessable


@pytest.mark.parametrize(
    ("shape", "sent", "words"),
    [
        (Id, "7", "a UUID"),
        (Name, " ", "one line of text with something to read in it, and without characters that do not show"),
        (ShortText, "two\nlines", "one line of text, without characters that do not show"),
        (LongText, "hidden\u200b", "text without characters that do not show"),
        (Sku, "no sku", "letters, digits, dots, hyphens and underscores, beginning with a letter or digit"),
        (Slug, "No Slug", "small letters and digits, with a hyphen between words"),
        (GroupName, "No Group", "small letters and digits, with a hyphen between words"),
        (Email, "nobody", "an e-mail address"),
        (Phone, "call me", "a telephone number: digits, spaces and + ( ) . / -"),
        (MediaUrl, "http://x", "https://… with a host's name, or a file of the shop's own: /media/…"),
        (CurrencyCode, "ABC", "one of 'AED', 'AFN', 'ALL', … (156 in all)"),
    ],
)
def test_a_pattern_is_said_in_words(shape: Any, sent: str, words: str):
    body = msgspec.defstruct("Body", [("said", list[shape])])
    with pytest.raises(Unprocessable) as refused:
        converted({"said": [sent]}, body)
    assert refused.value.document()["detail"] == f"Expected {words}."
    assert refused.value.field == "said[0]"


def test_a_pattern_of_somebodys_own_is_said_as_it_is():
    code = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}[0-9]$")]
    with pytest.raises(Unprocessable) as refused:
        converted("x", code)
    assert refused.value.document()["detail"] == "Expected `str` matching regex '^[A-Z]{2}[0-9]$'."


Code = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}[0-9]$", examples=["AB7"])]


@pytest.mark.parametrize(
    ("shape", "sent", "place"), [(Code, "x", ""), (Code | None, "x", ""), (list[Code], ["AA1", "x"], "[1]")]
)
def test_a_pattern_with_an_example_is_said_by_it(shape: Any, sent: Any, place: str):
    body = msgspec.defstruct("Body", [("said", shape)])
    with pytest.raises(Unprocessable) as refused:
        converted({"said": sent}, body)
    assert (refused.value.document()["detail"], refused.value.field) == ("Expected a text like 'AB7'.", f"said{place}")


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


Kind = Literal["text", "number"]
CHOICES = [
    (Kind, "x", "", "'number', 'text'"),
    (Kind | None, "x", "", "'number', 'text'"),
    (Annotated[Kind, msgspec.Meta(description="A kind")], "x", "", "'number', 'text'"),
    (Size, "x", "", "'small', 'large'"),
    (Literal[1, 2], 3, "", "1, 2"),
    (list[Kind], ["text", "x"], "[1]", "'number', 'text'"),
    (tuple[Kind, ...], ["x"], "[0]", "'number', 'text'"),
    (dict[str, list[Kind]], {"a": ["x"]}, ".a[0]", "'number', 'text'"),
    (msgspec.defstruct("Inner", [("kind", Kind)]) | None, {"kind": "x"}, ".kind", "'number', 'text'"),
    (CountryCode, "XX", "", "'AD', 'AE', 'AF', … (249 in all)"),
]


@pytest.mark.parametrize(("shape", "sent", "place", "words"), CHOICES)
def test_who_sends_none_of_the_values_is_told_them(shape: Any, sent: Any, place: str, words: str):
    body = msgspec.defstruct("Body", [("said", shape)])
    for decoded in (
        lambda: converted({"said": sent}, body),
        lambda: decode_body(msgspec.json.encode({"said": sent}), "application/json", body),
    ):
        with pytest.raises(Unprocessable) as refused:
            decoded()
        assert refused.value.document()["detail"] == f"Expected one of {words}."
        assert refused.value.field == f"said{place}"


def test_who_asks_by_none_of_the_values_is_told_them():
    query = msgspec.defstruct("Query", [("sort", Kind | None, None)], forbid_unknown_fields=True)
    with pytest.raises(Unprocessable) as refused:
        decode_query(b"sort=tags", query)
    assert (refused.value.document()["detail"], refused.value.field) == ("Expected one of 'number', 'text'.", "sort")


Inner = msgspec.defstruct("Inner", [("names", dict[str, Name], {}), ("numbers", dict[str, float], {})])
Outer = msgspec.defstruct("Outer", [("lines", list[dict[str, Inner]]), ("note", Name | None, None)])


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"lines": [{}, {"a": {}, "b": {"names": {"x": "X", "y": " ", "z": " "}}}]}, "lines[1].b.names.y"),
        ({"lines": [{"a": {"note": None, "names": {"x": None}}}]}, "lines[0].a.names.x"),
        ({"lines": [{"a": {"numbers": {str(at): at for at in range(900)} | {"x": "y"}}}]}, "lines[0].a.numbers.x"),
        ({"lines": [{"a": {"numbers": {str(at): at for at in range(2000)} | {"x": "y"}}}]}, "lines[0].a.numbers[...]"),
        ({"lines": [{"a": {"names": {"x.y": " "}}}]}, "lines[0].a.names.x.y"),
        ({"lines": [{"a": 1}]}, "lines[0].a"),
        ({"note": None, "lines": [{"a": {"names": 1}}]}, "lines[0].a.names"),
    ],
)
def test_a_member_of_the_callers_own_is_named(sent: Any, field: str):
    for read in (
        lambda: converted(sent, Outer),
        lambda: decode_body(msgspec.json.encode(sent), "application/json", Outer),
    ):
        with pytest.raises(Unprocessable) as refused:
            read()
        assert refused.value.field == field


def test_a_misspelled_member_is_told_with_those_that_there_are() -> None:
    class Line(msgspec.Struct, forbid_unknown_fields=True):
        sku: str = ""
        quantity: int = 1

    class Basket(msgspec.Struct, forbid_unknown_fields=True):
        name: str = ""
        lines: list[Line] | None = None

    for body, field, mend in (
        (b'{"nmae": 1}', "nmae", "did you mean name? choose from name, lines"),
        (b'{"lines": [{}, {"qantity": 1}]}', "lines[1].qantity", "did you mean quantity? choose from sku, quantity"),
        (b'{"x": 1}', "x", "choose from name, lines"),
    ):
        with pytest.raises(Unprocessable) as refused:
            decode_body(body, "application/json", Basket)
        member = field.rpartition(".")[2]
        said = f"Object contains unknown field `{member}`: {mend}."
        assert (refused.value.field, refused.value.detail) == (field, said)


@pytest.mark.parametrize(
    ("shape", "sent", "words"),
    [
        (bool, "yes", "true or false"),
        (bool | None, "yes", "true or false"),
        (date, "2026-02-30", "a day as 2026-02-28"),
        (date | None, "yesterday", "a day as 2026-02-28"),
        (datetime, "now", "a day and a time as 2026-02-28T09:30:00Z"),
    ],
)
def test_what_is_no_yes_and_no_time_is_told_how_these_are_written(shape: Any, sent: str, words: str):
    query = msgspec.defstruct("Query", [("said", shape)])
    with pytest.raises(Unprocessable) as refused:
        decode_query(f"said={sent}".encode(), query)
    assert (refused.value.document()["detail"], refused.value.field) == (f"Expected {words}.", "said")
