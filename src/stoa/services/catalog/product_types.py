"""What a product type is, and what it asks of its products. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit.custom_fields.definition import FieldName
from stoa.kit.http.types import Name, Slug
from stoa.services.catalog.attributes import Attribute, Specification, check_value
from stoa.services.catalog.types_errors import AttributeTwice, SpecificationMissing, UnknownSpecification

MOST_IN_TYPE = 100
"""As many as a product has specifications."""


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attribute, by its name, and whether an active product of the type must have it."""

    attribute: FieldName
    required: bool = False


class NewProductType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Its products show their `attributes` in this order."""

    slug: Slug
    name: Name
    attributes: Annotated[Sequence[Use], Meta(max_length=MOST_IN_TYPE)] = ()


class Used(msgspec.Struct, frozen=True):
    """An attribute as a type has it."""

    required: bool
    attribute: Attribute


class ProductType(msgspec.Struct, frozen=True, kw_only=True):
    """A type as it is shown: whole attributes, in its order."""

    id: str
    slug: str
    name: str
    attributes: Sequence[Used]
    version: int
    created_at: datetime
    updated_at: datetime

    def uses(self) -> list[Use]:
        return [Use(used.attribute.name, used.required) for used in self.attributes]


Types = Mapping[str, ProductType]
"""By slug and by id: no slug looks like an id."""


def check_uses(uses: Sequence[Use]) -> None:
    """Raises `AttributeTwice`."""
    seen: set[str] = set()
    for at, use in enumerate(uses):
        if use.attribute in seen:
            raise AttributeTwice(use.attribute, f"attributes[{at}]")
        seen.add(use.attribute)


def check_specifications(
    of: ProductType, said: Mapping[str, Specification], before: Mapping[str, Specification], *, active: bool
) -> None:
    """Raise unless a product of the type may say this; what stands as it did `before` is not looked at again.

    Raises `UnknownSpecification`, `WrongSpecification`, and where it is `active` `SpecificationMissing`.
    """
    known = {used.attribute.name: used for used in of.attributes}
    for name, value in said.items():
        field = f"specifications.{name}"
        if name not in known:
            raise UnknownSpecification(of.slug, field)
        if name not in before or not same_value(before[name], value):
            check_value(known[name].attribute, value, field)
    if active and (missing := missing_of(of, said)):
        raise SpecificationMissing(of.slug, missing)


def missing_of(of: ProductType, said: Collection[str]) -> list[str]:
    """What an active product of the type must have, and has not."""
    return [used.attribute.name for used in of.attributes if used.required and used.attribute.name not in said]


def same_value(one: Specification, other: Specification) -> bool:
    """To Python 1 and true are the same."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
