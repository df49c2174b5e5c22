"""What a custom field is, and which definitions make sense. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit import text
from stoa.kit.custom_fields.errors import WrongDefinition
from stoa.kit.http.types import Label

MOST_FIELDS = 100
"""Of one entity."""
MOST_TEXT = 5_000
MOST_FILTERED_TEXT = 200
"""A text that is filtered by stands in an index."""
MOST_WHOLE = 2**53
"""From here on not every whole number is one in JSON."""

FieldName = Annotated[
    str, Meta(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*(?!\n)$", examples=["engraving"])
]
Choice = Annotated[str, Meta(min_length=1, max_length=100, pattern=text.FILLED_LINE)]
Bound = Annotated[int, Meta(ge=-MOST_WHOLE, le=MOST_WHOLE)]


class CustomFieldType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    CHOICE = "choice"
    CHOICES = "choices"


@dataclass(frozen=True)
class Entity:
    """A kind of thing that has custom fields. `filterable`: there is a list of them to filter. `private`: there is
    somebody who edits them besides whom they are for, and whose eyes only some fields are for."""

    name: str
    filterable: bool = False
    private: bool = True


class CustomFieldBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`min` and `max` bound an integer, `earliest` and `latest` a date, `max_length` a text, which has 200 characters
    without it; `choices` are what a choice is of, and what any number of which are choices. Who may not edit the thing
    sees and sets only what is `public`."""

    type: CustomFieldType
    label: Label = ""
    min: Bound | None = None
    max: Bound | None = None
    earliest: date | None = None
    latest: date | None = None
    max_length: Annotated[int, Meta(ge=1, le=MOST_TEXT)] | None = None
    choices: Annotated[Sequence[Choice], Meta(max_length=200)] = ()
    public: bool = False
    filterable: bool = False


class NewCustomField(CustomFieldBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: FieldName


class CustomField(CustomFieldBody, frozen=True, kw_only=True):
    """A field as it is shown."""

    entity: str
    name: str
    version: int
    created_at: datetime
    updated_at: datetime


_BOUNDS = {
    CustomFieldType.TEXT: {"max_length"},
    CustomFieldType.INTEGER: {"min", "max"},
    CustomFieldType.BOOLEAN: set[str](),
    CustomFieldType.DATE: {"earliest", "latest"},
    CustomFieldType.CHOICE: {"choices"},
    CustomFieldType.CHOICES: {"choices"},
}


def check(entity: Entity, field: CustomFieldBody) -> None:
    """Raises `WrongDefinition` for bounds that are another type's or leave nothing, and what the entity cannot have."""
    for names in _BOUNDS.values():
        for name in sorted(names - _BOUNDS[field.type]):
            if getattr(field, name) not in (None, ()):
                raise WrongDefinition(f"A field of type {field.type} has no {name}.", name)
    _check_bounds(field)
    if field.filterable and not entity.filterable:
        raise WrongDefinition(f"There is no list to filter by what a {entity.name} has.", "filterable")
    if field.filterable and (field.max_length or 0) > MOST_FILTERED_TEXT:
        raise WrongDefinition(f"A text to filter by has at most {MOST_FILTERED_TEXT} characters.", "max_length")
    if not field.public and not entity.private:
        raise WrongDefinition(f"Nobody but who sees it edits a {entity.name}: its fields are public.", "public")


def _check_bounds(field: CustomFieldBody) -> None:
    if field.min is not None and field.max is not None and field.min > field.max:
        raise WrongDefinition("Nothing is between these.", "max")
    if field.earliest is not None and field.latest is not None and field.earliest > field.latest:
        raise WrongDefinition("Nothing is between these.", "latest")
    if "choices" in _BOUNDS[field.type] and not field.choices:
        raise WrongDefinition("Say what can be chosen.", "choices")
    if len(set(field.choices)) < len(field.choices):
        raise WrongDefinition("A choice stands twice.", "choices")
