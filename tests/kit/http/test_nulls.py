"""Null in the place of what may be left out is the same as leaving it out; where null is a value, it is one."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from stoa.kit import problems
from stoa.kit.http.decoding import decode_body


class Part(msgspec.Struct, forbid_unknown_fields=True):
    sku: Annotated[str, Meta(min_length=1)]
    quantity: int = 1


class Body(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    note: Annotated[str, Meta(max_length=5)] = "none"
    parts: list[Part] = []
    labels: dict[str, Part] = {}
    one: Part | None = None


class Patch(msgspec.Struct, forbid_unknown_fields=True):
    name: str | UnsetType = UNSET
    category: str | UnsetType | None = UNSET
    part: Part | UnsetType = UNSET


def read(value, shape):
    return decode_body(msgspec.json.encode(value), "application/json", shape)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"name": "a", "note": None}, Body("a")),
        ({"name": "a", "parts": None, "labels": None, "one": None}, Body("a")),
        ({"name": "a", "parts": [{"sku": "x", "quantity": None}]}, Body("a", parts=[Part("x")])),
        ({"name": "a", "labels": {"b": {"sku": "x", "quantity": None}}}, Body("a", labels={"b": Part("x")})),
        ({"name": "a", "one": {"sku": "x", "quantity": None}}, Body("a", one=Part("x"))),
    ],
)
def test_what_may_be_left_out(sent, meant):
    assert read(sent, Body) == meant


def test_in_a_patch_null_clears_what_can_be_empty_and_leaves_the_rest():
    assert read({"name": None, "category": None, "part": None}, Patch) == Patch(category=None)
    assert read({"part": {"sku": "x", "quantity": None}, "category": None}, Patch) == Patch(
        category=None, part=Part("x")
    )


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": None}, "name"),
        ({"name": "a", "unknown": None}, "unknown"),
        ({"name": "a", "parts": [None]}, "parts[0]"),
        ({"name": "a", "parts": [{"sku": None}]}, "parts[0].sku"),
        ({"name": "a", "note": None, "parts": [{"sku": ""}]}, "parts[0].sku"),
        ({"name": "null", "note": "too long"}, "note"),
        ([None], "body"),
        (None, "body"),
    ],
)
def test_what_is_needed_or_wrong_is_refused_as_before(sent, field):
    with pytest.raises(problems.Unprocessable) as refusal:
        read(sent, Body)
    assert refusal.value.field == field


def test_a_number_out_of_range_is_refused_at_its_place_with_null_too():
    raw = b'{"name": "a", "note": null, "parts": [{"sku": "x", "quantity": 1e999}]}'
    with pytest.raises(problems.Unprocessable) as refusal:
        decode_body(raw, "application/json", Body)
    assert refusal.value.field == "parts[0].quantity"


def test_a_member_twice_is_refused_with_null_too():
    with pytest.raises(problems.BadRequest) as refusal:
        decode_body(b'{"name": "a", "note": null, "note": "b"}', "application/json", Body)
    assert (refusal.value.slug, refusal.value.field) == ("malformed-body", "note")


def test_numbers_stay_what_they_were():
    class Numbers(msgspec.Struct):
        price: float
        count: int
        note: str = ""

    raw = b'{"price": 0.1, "count": 9007199254740993, "note": null}'
    assert decode_body(raw, "application/json", Numbers) == Numbers(0.1, 9007199254740993)
