"""What the shop's attributes are, as every process has it in memory: what they are called, and whether a search may be
narrowed by them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec

from stoa.contracts.catalog.v1 import catalog_pb2 as pb


class Called(msgspec.Struct, frozen=True, omit_defaults=True):
    """In the shop's own language, and in the others by locale."""

    own: str = ""
    others: Mapping[str, str] = {}

    def said_in(self, locale: str | None) -> str:
        return self.others.get(locale or "", self.own)


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """`hex` is how a color looks."""

    label: Called = Called()
    hex: str | None = None


class Attribute(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As catalog defines it; its choices by their values."""

    name: str
    type: str
    filterable: bool
    label: Called = Called()
    unit: Called = Called()
    choices: Mapping[str, Choice] = {}


class Attributes:
    """All of them."""

    def __init__(self, attributes: Iterable[Attribute] = ()) -> None:
        self._by_name = {one.name: one for one in attributes}

    def get(self, name: str) -> Attribute | None:
        return self._by_name.get(name)

    @cached_property
    def filterable(self) -> frozenset[str]:
        return frozenset(name for name, one in self._by_name.items() if one.filterable)

    @cached_property
    def unfilterable(self) -> frozenset[str]:
        """Only of those that are attributes: whatever else has a name may be filtered by."""
        return frozenset(self._by_name.keys() - self.filterable)


NO_ATTRIBUTES = Attributes()


def attribute_of(told: pb.Attribute) -> Attribute:
    return Attribute(
        name=told.name,
        type=told.type,
        filterable=told.filterable,
        label=Called(told.label, dict(told.labels)),
        unit=Called(told.unit, dict(told.units)),
        choices={one.value: Choice(Called(one.label, dict(one.labels)), one.hex or None) for one in told.choices},
    )
