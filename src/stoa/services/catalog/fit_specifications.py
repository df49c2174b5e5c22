"""What the cells of a file say of a product with a type, as people and spreadsheets write it: what is meant, its
attributes say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from stoa.kit.nearest import nearest
from stoa.kit.problems import Problem
from stoa.services.catalog.attributes import Attribute, AttributeType, Specification, check_value
from stoa.services.catalog.product_files.cells import LISTED, read_text, split
from stoa.services.catalog.product_files.entry import Cell
from stoa.services.catalog.product_files.numbers import measure_of
from stoa.services.catalog.product_types import ProductType, same_value
from stoa.services.catalog.types_errors import UnknownSpecification, WrongSpecification

_TRUE = {"true", "yes", "1", "wahr", "ja"}
_FALSE = {"false", "no", "0", "falsch", "nein"}
_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
MOST_CHOICES_TOLD = 20


def fitted(
    of: ProductType,
    cells: Mapping[str, Cell],
    said: Mapping[str, Specification],
    before: Mapping[str, Specification],
) -> tuple[dict[str, Specification], list[Problem]]:
    """What is `said` as the attributes have it, and all that is wrong with the `cells`. What stands as it did `before`
    is not looked at again."""
    attributes = {used.attribute.name: used.attribute for used in of.attributes}
    after = dict(said)
    wrong: list[Problem] = []
    for name, cell in cells.items():
        field = f"specifications.{name}"
        if name not in said or (name in before and same_value(before[name], said[name])):
            continue
        if name not in attributes:
            wrong.append(UnknownSpecification(of.slug, field))
            continue
        try:
            after[name] = value_in(attributes[name], cell)
            check_value(attributes[name], after[name], field)
        except ValueError as error:
            wrong.append(WrongSpecification(str(error), field))
        except WrongSpecification as problem:
            problem.detail = f"{cell.text[:100]!r} does not fit. {problem.detail}"
            wrong.append(problem)
    return after, wrong


def value_in(attribute: Attribute, cell: Cell) -> Specification:
    """Raises `ValueError` for what says none of its values."""
    text = cell.text.strip()
    if attribute.type is AttributeType.NUMBER:
        return measure_of(text, comma=cell.comma)
    if attribute.type is AttributeType.BOOLEAN:
        return _truth(text)
    if attribute.type is AttributeType.DATE:
        return _day(text)
    if attribute.type is AttributeType.MULTI_SELECT:
        return _chosen(attribute, text)
    if attribute.type is AttributeType.TEXT:
        return read_text(cell.text)
    return _choice(attribute, read_text(text))


def _truth(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is neither true nor false: write one of these, or yes or no")
    return text.lower() in _TRUE


def _day(text: str) -> str:
    """Only a point between its parts says that the day stands first."""
    if (match := _DAY.fullmatch(text)) is not None:
        return f"{match[3]}-{match[2]:0>2}-{match[1]:0>2}"
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        raise ValueError(f"{text!r} is no day: write it as 2026-02-28 or 28.02.2026")
    return text


def _chosen(attribute: Attribute, text: str) -> list[str]:
    """A list as tags are one, or one of JSON."""
    try:
        parts = msgspec.json.decode(text, type=list[str]) if text.startswith("[") else None
    except msgspec.DecodeError:
        parts = None
    if parts is None:
        # One that has a separator in it may stand alone as it is.
        parts = [text] if _meant(attribute, text) else split(text, LISTED)
    return [_choice(attribute, part) for part in parts]


def _choice(attribute: Attribute, text: str) -> str:
    if (meant := _meant(attribute, text)) is not None:
        return meant
    values = [choice.value for choice in attribute.choices]
    more = ", …" if len(values) > MOST_CHOICES_TOLD else ""
    alike = f"; did you mean {near}?" if (near := nearest(text, values)) else ""
    raise ValueError(f"{text[:100]!r} is none of {', '.join(values[:MOST_CHOICES_TOLD])}{more}{alike}")


def _meant(attribute: Attribute, text: str) -> str | None:
    """The value that it is, or the only one that is written so but for capitals, or shown so."""
    values = [choice.value for choice in attribute.choices]
    if text in values:
        return text
    plain = text.casefold()
    alike = [one.value for one in attribute.choices if plain in {one.value.casefold(), one.label.casefold()}]
    return alike[0] if len(alike) == 1 else None
