"""What filters leave, as Python finds it by looking at every document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from stoa.ports.search import DayRange, Document, Filters, NumberRange, Value


def counts_of(documents: Sequence[Document], name: str) -> dict[tuple[bool, Value], int]:
    """By value, and whether that is a yes or no: of how many documents it is, in the spelling that most have."""
    spelled: dict[tuple[bool, Value], Counter[Value]] = {}
    for one in documents:
        for key, value in _values_of(one, name).items():
            spelled.setdefault(key, Counter())[value] += 1
    return {
        (is_bool, min(spellings, key=lambda one: (-spellings[one], str(one)))): spellings.total()
        for (is_bool, _), spellings in spelled.items()
    }


def _values_of(one: Document, name: str) -> dict[tuple[bool, Value], Value]:
    """Each in one spelling, that of an option before that of the product."""
    options = [variant.options[name] for variant in one.variants if name in variant.options]
    found: dict[tuple[bool, Value], Value] = {}
    for value in (*options, *_specified(one, name)):
        shown = value.isoformat() if isinstance(value, date) else value
        found.setdefault((isinstance(value, bool), _plain(shown)), shown)
    return found


def _plain(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _specified(one: Document, name: str) -> list[Value | date]:
    return [*several(one.attributes.get(name)), *([one.days[name]] if name in one.days else [])]


def several(given: Value | Sequence[Value] | None) -> Sequence[Value]:
    return () if given is None else (given,) if isinstance(given, (str, bool, int, float)) else given


def _same(one: Value | date, other: Value | date) -> bool:
    return _plain(one) == _plain(other) and isinstance(one, bool) == isinstance(other, bool)


def checks(filters: Filters) -> dict[str, Callable[[Document], bool]]:
    """Each filter, as Python asks it."""
    found: dict[str, Callable[[Document], bool]] = {}
    if filters.category:
        wanted = list(filters.category)
        found["category"] = lambda one: any(
            [category.slug for category in way][: len(wanted)] == wanted
            or (len(wanted) == 1 and wanted[0] in [category.slug for category in way])
            for way in one.categories
        )
    if filters.brands:
        found["brand"] = lambda one: one.brand in filters.brands
    if filters.least_price is not None or filters.most_price is not None:
        least, most = filters.least_price or 0, 10**9 if filters.most_price is None else filters.most_price
        found["price"] = lambda one: one.price_minor <= most and (one.price_max_minor or one.price_minor) >= least
    if filters.in_stock is False:
        found["availability"] = lambda one: not one.available
    if filters.tag:
        found["tag"] = lambda one: filters.tag in one.tags
    if filters.collection:
        found["collection"] = lambda one: filters.collection in [*one.collections, *one.translated_collections["en"]]
    if filters.ids is not None:
        wanted_ids = filters.ids
        found["ids"] = lambda one: one.id in wanted_ids
    return found


def left_of(documents: Sequence[Document], filters: Filters, but: str = "") -> list[Document]:
    """Those that the filters leave, without one of these."""
    asked = {name: check for name, check in checks(filters).items() if name != but}
    of_variants = {name: wanted for name, wanted in filters.attributes.items() if f"attribute:{name}" != but}
    bought = filters.in_stock is True and but != "availability"
    return [
        one
        for one in documents
        if all(check(one) for check in asked.values()) and _has_variant(one, of_variants, bought=bought)
    ]


def _has_variant(one: Document, attributes: Mapping[str, Any], *, bought: bool) -> bool:
    """Of which all that is asked for is true, be it that its product says so: but what this says of one that an option
    says, is about the variants that have it."""
    told = {(name, _plain(value)) for variant in one.variants for name, value in variant.options.items()}
    return any(
        (variant.available or not bought)
        and all(
            any(_fits(value, wanted) for value in _specified(one, name) if (name, _plain(value)) not in told)
            or (name in variant.options and _fits(variant.options[name], wanted))
            for name, wanted in attributes.items()
        )
        for variant in one.variants
    )


def _fits(value: Value | date, wanted: Any) -> bool:
    return any(_same(value, other) for other in wanted) if isinstance(wanted, list) else _within(value, wanted)


def _within(value: Value | date, wanted: NumberRange | DayRange) -> bool:
    if isinstance(wanted, DayRange):
        return isinstance(value, date) and (wanted.first or date.min) <= value <= (wanted.last or date.max)
    if isinstance(value, (str, bool, date)):
        return wanted == NumberRange()
    return (wanted.least is None or value >= wanted.least) and (wanted.most is None or value <= wanted.most)
