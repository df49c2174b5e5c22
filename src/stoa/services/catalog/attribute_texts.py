"""What an attribute and its choices are called in another language of the shop. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from stoa.kit.http.types import Name
from stoa.services.catalog.attributes import Attribute, AttributeType, Choice, ChoiceValue, Shown, Unit
from stoa.services.catalog.types_errors import WrongAttribute


class AttributeTexts(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is left out is as in the shop's own language. `choices` are by their values."""

    label: Name | None = None
    unit: Unit | None = None
    choices: Annotated[dict[ChoiceValue, Name], Meta(max_length=200)] = {}


NOTHING_SAID = AttributeTexts()

Texts = Mapping[str, AttributeTexts]
"""In one language, by the attribute's name."""


def check_fits(attribute: Attribute, said: AttributeTexts) -> None:
    """Raises `WrongAttribute` for a text that nothing would show."""
    if said.unit is not None and attribute.type is not AttributeType.NUMBER:
        raise WrongAttribute(f"An attribute of type {attribute.type} has no unit.", "unit")
    there = {choice.value for choice in attribute.choices}
    for value in said.choices:
        if value not in there:
            raise WrongAttribute(f"It has no choice {value}: nothing would show this text.", f"choices.{value}")


def fitting(attribute: Attribute, said: AttributeTexts) -> AttributeTexts:
    """Without what is said of choices that it has no more."""
    there = {choice.value for choice in attribute.choices}
    return replace(said, choices={value: text for value, text in said.choices.items() if value in there})


def attribute_in(attribute: Attribute, texts: Texts) -> Attribute:
    said = texts.get(attribute.name, NOTHING_SAID)
    return replace(
        attribute,
        label=said.label or attribute.label,
        unit=attribute.unit if said.unit is None else said.unit,
        choices=[_choice_in(choice, said) for choice in attribute.choices],
    )


def shown_in(shown: Shown, texts: Texts) -> Shown:
    """Of a product."""
    said = texts.get(shown.name, NOTHING_SAID)
    return replace(
        shown,
        label=said.label or shown.label,
        unit=shown.unit if said.unit is None else said.unit,
        chosen=[_choice_in(choice, said) for choice in shown.chosen],
    )


def _choice_in(choice: Choice, said: AttributeTexts) -> Choice:
    return replace(choice, label=said.choices.get(choice.value, choice.label))
