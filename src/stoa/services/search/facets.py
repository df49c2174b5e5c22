"""What a caller is shown of the counts: with what attributes and their values are called in his language. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stoa.ports.search import AttributeCount, CategoryCount, Count, FacetCounts, RangeCount, Value
from stoa.services.search.attributes import Attributes, Choice

_NO_CHOICE = Choice()


class ValueCount(Count, frozen=True, kw_only=True):
    """`hex` is how a color looks."""

    hex: str | None = None


class AttributeFacet(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is what it is asked for by, as `attr.KEY`; `name` is what it is called. `type` and `unit` are those of the
    shop's attribute; empty for what is none: an option, a custom field, a specification of one's own. Of numbers and
    days `least` and `most` are told, and values only where there are few."""

    key: str
    name: str
    type: str
    unit: str
    values: Sequence[ValueCount]
    least: Value | None
    most: Value | None


class FacetsView(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. The counts of a facet leave out its own filter, so that they say what choosing another of its
    values would give; the other filters count. The most frequent values come first, equal ones by value. Attributes
    that were named come first, then those that most hits have."""

    categories: Sequence[CategoryCount] = ()
    brands: Sequence[Count] = ()
    availability: Sequence[Count] = ()
    """Of true, and of false."""
    prices: Sequence[RangeCount] = ()
    """A product with several prices counts in each range where one of them may lie."""
    attributes: Sequence[AttributeFacet] = ()


def facets_view(counts: FacetCounts, attributes: Attributes, locale: str | None) -> FacetsView:
    return FacetsView(
        categories=counts.categories,
        brands=counts.brands,
        availability=counts.availability,
        prices=counts.prices,
        attributes=[_facet(one, attributes, locale) for one in counts.attributes],
    )


def _facet(one: AttributeCount, attributes: Attributes, locale: str | None) -> AttributeFacet:
    attribute = attributes.get(one.key)
    choices = attribute.choices if attribute else {}
    values = []
    for count in one.values:
        choice = _choice(choices, str(count.value))
        name = count.name or choice.label.said_in(locale)
        values.append(ValueCount(count.value, count.count, name, hex=choice.hex))
    return AttributeFacet(
        key=one.key,
        name=(attribute.label.said_in(locale) if attribute else "") or one.name or one.key,
        type=attribute.type if attribute else "",
        unit=attribute.unit.said_in(locale) if attribute else "",
        values=values,
        least=one.least,
        most=one.most,
    )


def _choice(choices: Mapping[str, Choice], value: str) -> Choice:
    """That of the value, which an option may spell otherwise."""
    if value in choices:
        return choices[value]
    return next((choice for each, choice in choices.items() if each.casefold() == value.casefold()), _NO_CHOICE)
