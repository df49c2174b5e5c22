"""What is sent for custom fields fits them, or is refused by the name of the field."""

from datetime import date

import pytest

from stoa.kit.clock import now
from stoa.kit.custom_fields.definition import CustomField
from stoa.kit.custom_fields.errors import NotFilterable, TooMuchMetadata, UnknownField, WrongValue
from stoa.kit.custom_fields.values import NOTHING, Fields, filter_by, merged, stored, with_metadata


def known(**fields):
    """By name, with numbers from 11."""
    at = now()
    given = {"entity": "product", "version": 1, "created_at": at, "updated_at": at, "public": True}
    return {
        name: (number, CustomField(**given | {"name": name} | said))
        for number, (name, said) in enumerate(fields.items(), start=11)
    }


KNOWN = known(
    engraving={"type": "text", "max_length": 5},
    story={"type": "text"},
    pages={"type": "integer", "min": 1, "max": 9},
    signed={"type": "boolean"},
    bottled={"type": "date", "earliest": None},
    color={"type": "choice", "choices": ("red", "blue")},
    fits={"type": "choices", "choices": ("cat", "dog")},
    margin={"type": "integer", "public": False},
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("engraving", "Ada ♥"),
        ("story", "x" * 200),
        ("pages", 1),
        ("pages", 9),
        ("signed", False),
        ("bottled", "2024-02-29"),
        ("color", "blue"),
        ("fits", []),
        ("fits", ["dog", "cat"]),
    ],
)
def test_what_fits(name, value):
    assert merged(KNOWN, NOTHING, {name: value}, private=False) == Fields({name: value})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("engraving", "Ada  ♥", "A text of at most 5 characters that can be seen."),
        ("story", "x" * 201, "A text of at most 200 characters that can be seen."),
        ("engraving", "a\u200bb", "A text of at most 5 characters that can be seen."),
        ("engraving", 1, "A text of at most 5 characters that can be seen."),
        ("pages", 0, "A whole number, from 1, to 9."),
        ("pages", 10, "A whole number, from 1, to 9."),
        ("pages", True, "A whole number, from 1, to 9."),
        ("pages", 2.5, "A whole number, from 1, to 9."),
        ("margin", 2**53 + 1, "A whole number."),
        ("pages", "5", "A whole number, from 1, to 9."),
        ("signed", 1, "True or false."),
        ("bottled", "2023-02-29", "A day as 2026-02-28."),
        ("bottled", "20240229", "A day as 2026-02-28."),
        ("bottled", 5, "A day as 2026-02-28."),
        ("color", "green", "One of red, blue."),
        ("color", ["red"], "One of red, blue."),
        ("fits", "cat", "A list of cat, dog, each at most once."),
        ("fits", [{}], "A list of cat, dog, each at most once."),
        ("fits", ["cat", "cow"], "A list of cat, dog, each at most once."),
        ("fits", ["cat", "cat"], "A list of cat, dog, each at most once."),
    ],
)
def test_what_does_not(name, value, said):
    with pytest.raises(WrongValue) as refused:
        merged(KNOWN, NOTHING, {name: value}, private=True, place="items[2].custom_fields")
    assert (refused.value.detail, refused.value.field) == (said, f"items[2].custom_fields.{name}")


def test_days_have_bounds():
    bounded = known(bottled={"type": "date", "earliest": date(2024, 1, 2), "latest": date(2024, 1, 3)})
    for day in ("2024-01-02", "2024-01-03"):
        assert merged(bounded, NOTHING, {"bottled": day}, private=False) == Fields({"bottled": day})
    for day in ("2024-01-01", "2024-01-04"):
        with pytest.raises(WrongValue) as refused:
            merged(bounded, NOTHING, {"bottled": day}, private=False)
        assert refused.value.detail == "A day as 2026-02-28, from 2024-01-02, to 2024-01-03."


def test_what_is_not_sent_stays_and_null_takes_away():
    before = Fields({"color": "red", "pages": 3}, {"margin": 40})
    after = merged(KNOWN, before, {"color": None, "signed": True}, private=False)
    assert after == Fields({"pages": 3, "signed": True}, {"margin": 40})
    assert stored(KNOWN, after) == {"13": 3, "14": True, "18": 40}
    assert stored(KNOWN, NOTHING) == {}


def test_what_is_no_longer_defined_goes_with_the_next_change():
    assert merged(KNOWN, Fields({"gone": 1, "pages": 2}), {"pages": 3}, private=True) == Fields({"pages": 3})


@pytest.mark.parametrize(("name", "private"), [("colour", True), ("colour", False), ("margin", False)])
def test_what_is_not_public_is_unknown_to_others(name, private):
    with pytest.raises(UnknownField) as refused:
        merged(KNOWN, NOTHING, {name: None}, private=private)
    assert refused.value.field == f"custom_fields.{name}"
    assert merged(KNOWN, NOTHING, {"margin": 7}, private=True).shown(private=False) == {}


def test_metadata_is_merged_and_bounded():
    assert with_metadata({"a": "1", "b": "2"}, {"b": None, "c": "3"}) == {"a": "1", "c": "3"}
    full = {str(n): "" for n in range(50)}
    assert len(with_metadata(full, {"0": None, "x": ""})) == 50
    with pytest.raises(TooMuchMetadata) as refused:
        with_metadata(full, {"x": ""})
    assert refused.value.field == "metadata"


FILTERS = known(
    color={"type": "choice", "choices": ("red", "blue"), "filterable": True},
    fits={"type": "choices", "choices": ("cat", "dog"), "filterable": True},
    pages={"type": "integer", "filterable": True},
    signed={"type": "boolean", "filterable": True},
    margin={"type": "integer", "filterable": True, "public": False},
    story={"type": "text"},
)


@pytest.mark.parametrize(
    ("name", "value", "looked_for"),
    [
        ("color", "red", (11, "red")),
        ("fits", "dog", (12, "dog")),
        ("pages", "007", (13, "7")),
        ("signed", "true", (14, "true")),
    ],
)
def test_what_a_filter_looks_for(name, value, looked_for):
    assert filter_by(FILTERS, name, value, private=False) == looked_for


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("colour", "red", NotFilterable),
        ("story", "red", NotFilterable),
        ("margin", "4", NotFilterable),
        ("color", "green", WrongValue),
        ("pages", "many", WrongValue),
        ("signed", "yes", WrongValue),
    ],
)
def test_what_no_filter_finds(name, value, problem):
    with pytest.raises(problem) as refused:
        filter_by(FILTERS, name, value, private=False)
    assert refused.value.field == f"custom.{name}"
