"""Structs as JSON Schemas that generators of clients read well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from stoa.kit.http.schemas import Schemas, component
from stoa.kit.http.types import Address, AmountMinor, Email, Id, Name, Page, Quantity, Sku
from stoa.kit.money import Money


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Node(msgspec.Struct):
    children: list[Node]


class Everything(msgspec.Struct):
    """What is in it."""

    id: Id
    name: Name
    sku: Sku
    email: Email | None
    count: Quantity
    amount: AmountMinor
    total: Money | None
    size: Size
    kind: Literal["a", "b"] | None
    made_at: datetime
    gone_at: datetime | None
    facts: dict[str, str | int | float | bool]
    tags: Annotated[Sequence[str], Meta(max_length=3)]
    ready: bool = False


class State(msgspec.Struct, omit_defaults=True):
    active: bool
    user_id: str | None = None


class Change(msgspec.Struct, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    category: str | UnsetType | None = UNSET
    note: str | None = None
    limit: int = 20


def test_an_answer_has_all_its_fields_always():
    schemas = Schemas("shop")
    assert schemas.answer(Everything) == {"$ref": "#/components/schemas/ShopEverything"}
    schema = schemas.components["ShopEverything"]
    assert schema["description"] == "What is in it."
    assert schema["required"] == list(schema["properties"]) == list(Everything.__struct_fields__)
    assert "title" not in schema
    assert schema["properties"] == {
        "id": {
            "type": "string",
            "format": "uuid",
            "description": "UUID",
            "examples": ["01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f"],
        },
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "sku": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$",
            "description": "Stock keeping unit",
            "examples": ["85123A"],
        },
        "email": {
            "type": ["string", "null"],
            "minLength": 3,
            "maxLength": 254,
            "pattern": r'^[^\s@<>",;:\\]+@[^\s@<>",;:\\]+\.[^\s@<>",;:\\]+$',
            "examples": ["ada@example.com"],
            "format": "email",
        },
        "count": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 100_000, "examples": [1]},
        "amount": {
            "type": "integer",
            "format": "int64",
            "minimum": 0,
            "maximum": 100_000_000_000,
            "description": "Minor units: pence, cents, yen",
        },
        "total": {"anyOf": [{"$ref": "#/components/schemas/Money"}, {"type": "null"}]},
        "size": {"$ref": "#/components/schemas/ShopSize"},
        "kind": {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]},
        "made_at": {"type": "string", "format": "date-time"},
        "gone_at": {"type": ["string", "null"], "format": "date-time"},
        "facts": {
            "type": "object",
            "additionalProperties": {
                "anyOf": [{"type": "string"}, {"type": "number", "format": "double"}, {"type": "boolean"}]
            },
        },
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "ready": {"type": "boolean"},
    }
    assert schemas.components["ShopSize"] == {"type": "string", "enum": ["small", "large"]}


def test_in_a_body_null_is_shown_only_where_it_says_something():
    schemas = Schemas("shop")
    schemas.body(Change)
    assert schemas.components["ShopChange"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 200},
            "category": {"type": ["string", "null"]},
            "note": {"type": "string"},
            "limit": {"type": "integer", "format": "int64"},
        },
        "additionalProperties": False,
    }


def test_what_is_answered_and_sent_has_two_forms_where_they_differ():
    schemas = Schemas("shop")
    assert schemas.answer(Change) == {"$ref": "#/components/schemas/ShopChange"}
    assert schemas.body(Change) == {"$ref": "#/components/schemas/ShopChangeInput"}
    assert schemas.components["ShopChange"]["required"] == ["note", "limit"]
    assert "required" not in schemas.components["ShopChangeInput"]
    assert schemas.answer(Money) == schemas.body(Money) == {"$ref": "#/components/schemas/Money"}


def test_what_omits_its_defaults_may_lack_them():
    schemas = Schemas("shop")
    schemas.answer(State)
    assert schemas.components["ShopState"]["required"] == ["active"]


@pytest.mark.parametrize("service", ["shop", "other"])
def test_what_all_share_is_called_the_same_everywhere(service):
    schemas = Schemas(service)
    assert schemas.body(Address) == {"$ref": "#/components/schemas/AddressInput"}
    assert schemas.answer(Address) == {"$ref": "#/components/schemas/Address"}


def test_a_page_is_named_after_what_is_on_it():
    schemas = Schemas("shop")
    assert schemas.answer(Page[Node]) == {"$ref": "#/components/schemas/ShopNodePage"}
    page = schemas.components["ShopNodePage"]
    assert page["required"] == ["items", "next_cursor"]
    assert page["properties"]["items"]["items"] == {"$ref": "#/components/schemas/ShopNode"}
    assert schemas.components["ShopNode"]["properties"]["children"]["items"] == {
        "$ref": "#/components/schemas/ShopNode"
    }


@pytest.mark.parametrize(
    ("service", "struct", "name"),
    [
        ("catalog", "CardView", "CatalogCardView"),
        ("cart", "CartView", "CartView"),
        ("gift-wrap", "Paper", "GiftWrapPaper"),
    ],
)
def test_names(service, struct, name):
    assert component(service, struct) == name
