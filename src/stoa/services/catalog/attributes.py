"""What an attribute of products is, which definitions make sense, and which values fit. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import force_setattr

from stoa.kit import text
from stoa.kit.custom_fields.definition import FieldName
from stoa.kit.http.types import Label
from stoa.services.catalog.types_errors import WrongAttribute, WrongSpecification

MOST_TEXT = 1_000
"""As of a specification without a type."""
MOST_WHOLE = 2**53
"""From here on not every whole number is one in JSON."""

Specification = str | int | float | bool | list[str]
ChoiceValue = Annotated[str, Meta(min_length=1, max_length=100, pattern=text.FILLED_LINE)]
Hex = Annotated[str, Meta(pattern=r"^#[0-9A-Fa-f]{6}(?!\n)$", max_length=7, examples=["#c0392b"])]
SpecificationText = Annotated[str, Meta(min_length=1, max_length=MOST_TEXT, pattern=text.LINES)]
Unit = Annotated[str, Meta(max_length=20, pattern=text.LINE, examples=["kg"])]
Bound = Annotated[float, Meta(ge=-float(MOST_WHOLE), le=float(MOST_WHOLE))]


class AttributeType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    SELECT = "select"
    MULTI_SELECT = "multi_select"
    COLOR = "color"


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`value` is what products have; `label` is what is shown, the value where it is empty, and `hex` how a color
    looks, kept in small letters."""

    value: ChoiceValue
    label: Label = ""
    hex: Hex | None = None

    def __post_init__(self) -> None:
        if self.hex is not None:
            force_setattr(self, "hex", self.hex.lower())


class AttributeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unit`, `min` and `max` are a number's, `earliest` and `latest` a date's, `max_length` a text's, which has 1,000
    characters without it. `choices` are what a select or a color is one of, and a multi_select any of. `filterable`
    says that a search may be narrowed by it."""

    type: AttributeType
    label: Label = ""
    unit: Unit = ""
    min: Bound | None = None
    max: Bound | None = None
    earliest: date | None = None
    latest: date | None = None
    max_length: Annotated[int, Meta(ge=1, le=MOST_TEXT)] | None = None
    choices: Annotated[Sequence[Choice], Meta(max_length=200)] = ()
    filterable: bool = False


class NewAttribute(AttributeBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: FieldName


class Attribute(AttributeBody, frozen=True, kw_only=True):
    """An attribute as it is shown. `id` is the number under which products keep their values of it."""

    id: int
    name: str
    version: int
    created_at: datetime
    updated_at: datetime


class Shown(msgspec.Struct, frozen=True):
    """What a product says for an attribute of its type. `chosen` are those of the choices that it has."""

    name: str
    label: str
    type: AttributeType
    unit: str
    value: Specification
    chosen: Sequence[Choice]


_OWN = {
    AttributeType.TEXT: {"max_length"},
    AttributeType.NUMBER: {"unit", "min", "max"},
    AttributeType.BOOLEAN: set[str](),
    AttributeType.DATE: {"earliest", "latest"},
    AttributeType.SELECT: {"choices"},
    AttributeType.MULTI_SELECT: {"choices"},
    AttributeType.COLOR: {"choices"},
}


def check_definition(body: AttributeBody) -> None:
    """Raises `WrongAttribute` for what is another type's or leaves nothing."""
    own = _OWN[body.type]
    for name in sorted(set().union(*_OWN.values()) - own):
        if getattr(body, name) not in (None, (), [], ""):
            raise WrongAttribute(f"An attribute of type {body.type} has no {name}.", name)
    if body.min is not None and body.max is not None and body.min > body.max:
        raise WrongAttribute("Nothing is between these.", "max")
    if body.earliest is not None and body.latest is not None and body.earliest > body.latest:
        raise WrongAttribute("Nothing is between these.", "latest")
    if "choices" in own:
        _check_choices(body)


def _check_choices(body: AttributeBody) -> None:
    if not body.choices:
        raise WrongAttribute("Say what can be chosen.", "choices")
    if len({choice.value for choice in body.choices}) < len(body.choices):
        raise WrongAttribute("A choice stands twice.", "choices")
    for at, choice in enumerate(body.choices):
        if (choice.hex is None) == (body.type is AttributeType.COLOR):
            raise WrongAttribute("A color has a hex, and nothing else has one.", f"choices[{at}].hex")


def check_value(attribute: AttributeBody, value: Specification, field: str) -> None:
    """Raises `WrongSpecification`, which says what would fit."""
    fits, wanted = _RULES[attribute.type](attribute, value)
    if not fits:
        raise WrongSpecification(f"{wanted}.", field)


def _text(of: AttributeBody, value: Any) -> tuple[bool, str]:
    most = of.max_length or MOST_TEXT
    return isinstance(value, str) and 0 < len(value) <= most, f"A text of at most {most} characters"


def _number(of: AttributeBody, value: Any) -> tuple[bool, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    unit = f" of {of.unit}" if of.unit else ""
    return number and _within(of.min, value, of.max), f"A number{unit}{_bounds(_plain(of.min), _plain(of.max))}"


def _boolean(_: AttributeBody, value: Any) -> tuple[bool, str]:
    return isinstance(value, bool), "True or false"


def _date(of: AttributeBody, value: Any) -> tuple[bool, str]:
    day = _day(value)
    fits = day is not None and _within(of.earliest, day, of.latest)
    return fits, f"A day as 2026-02-28{_bounds(of.earliest, of.latest)}"


def _choice(of: AttributeBody, value: Any) -> tuple[bool, str]:
    values = [choice.value for choice in of.choices]
    return isinstance(value, str) and value in values, f"One of {', '.join(values)}"


def _choices(of: AttributeBody, value: Any) -> tuple[bool, str]:
    values = [choice.value for choice in of.choices]
    fits = isinstance(value, list) and value and set(value) <= set(values) and len(set(value)) == len(value)
    return bool(fits), f"A list of {', '.join(values)}, each at most once"


_RULES: Mapping[AttributeType, Callable[[AttributeBody, Any], tuple[bool, str]]] = {
    AttributeType.TEXT: _text,
    AttributeType.NUMBER: _number,
    AttributeType.BOOLEAN: _boolean,
    AttributeType.DATE: _date,
    AttributeType.SELECT: _choice,
    AttributeType.MULTI_SELECT: _choices,
    AttributeType.COLOR: _choice,
}


def _within(least: Any, value: Any, most: Any) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _bounds(least: object, most: object) -> str:
    return (f", from {least}" if least is not None else "") + (f", to {most}" if most is not None else "")


def _plain(bound: float | None) -> str | None:
    return None if bound is None else f"{bound:.16g}"


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and _DAY.fullmatch(value) else None
    except ValueError:
        return None
