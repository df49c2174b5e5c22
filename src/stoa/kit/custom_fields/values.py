"""What things have for their custom fields: checked, merged and shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stoa.kit import text
from stoa.kit.custom_fields.definition import (
    MOST_FIELDS,
    MOST_FILTERED_TEXT,
    MOST_TEXT,
    MOST_WHOLE,
    CustomField,
    CustomFieldType,
)
from stoa.kit.custom_fields.errors import NotFilterable, TooMuchMetadata, UnknownField, WrongValue

Value = str | int | bool | list[str]

_SCHEMAS = [
    {"type": "string", "maxLength": MOST_TEXT},
    {"type": "integer", "format": "int64"},
    {"type": "boolean"},
    {"type": "array", "items": {"type": "string"}},
    {"type": "null"},
]
Values = Annotated[
    dict[
        Annotated[str, Meta(max_length=40, pattern=text.LINE)],
        Annotated[Any, Meta(extra_json_schema={"anyOf": _SCHEMAS})],
    ],
    Meta(max_length=MOST_FIELDS, description="By the names of the fields; null takes away"),
]
"""As they are sent. What kind of value each is, its definition says, and so a refusal can name the field."""

MOST_METADATA = 50
Metadata = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=40, pattern=text.FILLED_LINE)],
        Annotated[str, Meta(max_length=500, pattern=text.LINES)] | None,
    ],
    Meta(max_length=MOST_METADATA, description="What your own programs note here; null takes away"),
]
"""As it is sent: never looked at, only kept."""


class Fields(msgspec.Struct, frozen=True):
    """By name, what a thing has: for everybody, and for who may edit it."""

    public: Mapping[str, Value] = {}
    private: Mapping[str, Value] = {}

    def shown(self, *, private: bool) -> dict[str, Value]:
        return {**self.public, **self.private} if private else dict(self.public)


NOTHING = Fields()
Known = Mapping[str, tuple[int, CustomField]]
"""The fields that are defined, by name, each with the number under which its values are kept."""


def fields_of(named: Mapping[str, Any] | None) -> Fields:
    """What `named_fields` answers, or nothing."""
    return NOTHING if named is None else Fields(**named)


def merged(
    known: Known, before: Fields, sent: Mapping[str, Any], *, private: bool, place: str = "custom_fields"
) -> Fields:
    """`before` with what was sent: a field that was not is as it was, and null takes away.

    `private` where the sender may see and set what is not public; to others such a field is unknown. Raises
    `UnknownField`, and `WrongValue` for what the definition does not allow. `place` is where in the body it was.
    """
    after = {name: value for name, value in before.shown(private=True).items() if name in known}
    for name, value in sent.items():
        field = f"{place}.{name}"
        if name not in known or not (private or known[name][1].public):
            raise UnknownField(field)
        if value is None:
            after.pop(name, None)
        else:
            check_value(known[name][1], value, field)
            after[name] = value
    apart: tuple[dict[str, Value], dict[str, Value]] = ({}, {})
    for name in sorted(after):
        apart[not known[name][1].public][name] = after[name]
    return Fields(*apart)


def stored(known: Known, fields: Fields) -> dict[str, Value]:
    """As a row keeps them: by number."""
    return {str(known[name][0]): value for name, value in fields.shown(private=True).items() if name in known}


def named(known: Known, kept: Mapping[str, Value]) -> Fields:
    """And back, where no statement does it."""
    apart: tuple[dict[str, Value], dict[str, Value]] = ({}, {})
    for name, (number, field) in known.items():
        if str(number) in kept:
            apart[not field.public][name] = kept[str(number)]
    return Fields(*apart)


def check_value(definition: CustomField, value: Any, field: str) -> None:
    """Raises `WrongValue`, which says what would fit."""
    fits, wanted = _RULES[definition.type](definition, value)
    if not fits:
        raise WrongValue(f"{wanted}.", field)


def _text(of: CustomField, value: Any) -> tuple[bool, str]:
    most = of.max_length or MOST_FILTERED_TEXT
    fits = isinstance(value, str) and len(value) <= most and _LINES.search(value) is not None
    return fits, f"A text of at most {most} characters that can be seen"


def _integer(of: CustomField, value: Any) -> tuple[bool, str]:
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_WHOLE
    return whole and _within(of.min, value, of.max), f"A whole number{_bounds(of.min, of.max)}"


def _boolean(_: CustomField, value: Any) -> tuple[bool, str]:
    return isinstance(value, bool), "True or false"


def _date(of: CustomField, value: Any) -> tuple[bool, str]:
    day = _day(value)
    fits = day is not None and _within(of.earliest, day, of.latest)
    return fits, f"A day as 2026-02-28{_bounds(of.earliest, of.latest)}"


def _choice(of: CustomField, value: Any) -> tuple[bool, str]:
    return isinstance(value, str) and value in of.choices, f"One of {', '.join(of.choices)}"


def _choices(of: CustomField, value: Any) -> tuple[bool, str]:
    texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    fits = texts and set(value) <= set(of.choices) and len(set(value)) == len(value)
    return fits, f"A list of {', '.join(of.choices)}, each at most once"


_RULES = {
    CustomFieldType.TEXT: _text,
    CustomFieldType.INTEGER: _integer,
    CustomFieldType.BOOLEAN: _boolean,
    CustomFieldType.DATE: _date,
    CustomFieldType.CHOICE: _choice,
    CustomFieldType.CHOICES: _choices,
}


def _within(least: Any, value: Any, most: Any) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _bounds(least: object, most: object) -> str:
    return (f", from {least}" if least is not None else "") + (f", to {most}" if most is not None else "")


_LINES = re.compile(text.LINES)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and _DAY.fullmatch(value) else None
    except ValueError:
        return None


def with_metadata(before: Mapping[str, str], sent: Mapping[str, str | None], place: str = "metadata") -> dict[str, str]:
    """`before` with what was sent; null takes a key away. Raises `TooMuchMetadata`."""
    after = {key: value for key, value in {**before, **sent}.items() if value is not None}
    if len(after) > MOST_METADATA:
        raise TooMuchMetadata(MOST_METADATA, place)
    return after


PREFIX = "custom."
"""Of a parameter that filters: `?custom.color=red`."""
CustomFilter = Annotated[dict[str, str], Meta(max_length=10)]
"""Of a query, by the names of the fields."""


def filter_by(known: Known, name: str, value: str, *, private: bool) -> tuple[int, str]:
    """Which number and value to look for. Raises `NotFilterable`, and `WrongValue` for what no thing can have."""
    field = f"{PREFIX}{name}"
    number, definition = known.get(name, (0, None))
    if definition is None or not definition.filterable or not (private or definition.public):
        raise NotFilterable("There is no such field to filter by.", field)
    looked_for: Any = value
    match definition.type:
        case CustomFieldType.INTEGER if re.fullmatch(r"-?[0-9]{1,16}", value):
            looked_for = int(value)
        case CustomFieldType.BOOLEAN:
            looked_for = {"true": True, "false": False}.get(value)
        case CustomFieldType.CHOICES:
            looked_for = [value]
    check_value(definition, looked_for, field)
    return number, str(looked_for) if definition.type == CustomFieldType.INTEGER else value
