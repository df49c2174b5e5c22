"""Which attributes the hits have, and how many of them which value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from stoa.ports.search import AttributeCount, Count, Facets, Value
from stoa.services.search.index.fields import attribute_key, has_option
from stoa.services.search.index.options import option_key, said_in

Buckets = Sequence[Mapping[str, Any]]

_KINDS: Mapping[str, Value | date] = {"text": "", "number": 0, "bool": False, "day": date.min}
_OPTION = "option"


def columns(name: str) -> dict[str, str]:
    """What is counted of an attribute: by the kinds of values the fields."""
    found = {kind: f"attribute.{attribute_key(name, value)}" for kind, value in _KINDS.items()}
    return found | {_OPTION: f"option.{option_key(name)}"}


def most_had(buckets: Buckets, wanted: Facets, filtered: Collection[str]) -> list[str]:
    """Of what hits have the attributes to count: those that are filtered by, so that somebody can take that back, and
    those that most of the hits have."""
    had: dict[str, int] = {}
    for bucket in buckets:
        name = bucket["key"][1:]
        option = bucket["key"] == has_option(name)
        if name not in wanted.unfilterable and (option or name in wanted.filterable):
            had[name] = had.get(name, 0) + bucket["doc_count"]
    among = sorted(had.keys() - set(wanted.attributes), key=lambda name: (name not in filtered, -had[name], name))
    return among[: wanted.most_attributes]


def counted(name: str, buckets: Mapping[str, Buckets], wanted: Facets, locale: str) -> AttributeCount:
    """Of an attribute, by the kinds of its values."""
    by_kind = {kind: [(_value(kind, one["key"]), one["doc_count"]) for one in buckets[kind]] for kind in _KINDS}
    ordered = by_kind["number"] or by_kind["day"]
    between = sorted(value for value, _ in ordered)
    if len(between) > wanted.most_numbers:
        ordered.clear()
    called, options = _options(buckets[_OPTION], locale)
    counts: dict[tuple[bool, Value], Count] = {}
    for value, count in (pair for pairs in by_kind.values() for pair in pairs):
        counts[isinstance(value, bool), value] = Count(value, count)
    for one in options:
        before = counts.get((False, one.value))
        counts[False, one.value] = Count(one.value, one.count + (before.count if before else 0), one.name)
    return AttributeCount(
        key=name,
        name=called,
        values=most_frequent(list(counts.values()), wanted.most_values),
        least=between[0] if between else None,
        most=between[-1] if between else None,
    )


def in_order(counts: Sequence[AttributeCount], named: int, hits: int | None) -> list[AttributeCount]:
    """Those that were named first; of the others that which divides no hits last."""
    found = [one for one in counts[named:] if one.values or one.least is not None]
    return [*counts[:named], *sorted(found, key=lambda one: [each.count for each in one.values] == [hits])]


def most_frequent(counts: Sequence[Count], most: int) -> list[Count]:
    return sorted(counts, key=lambda one: (-one.count, isinstance(one.value, str), one.value))[:most]


def _options(buckets: Buckets, locale: str) -> tuple[str, list[Count]]:
    """What the option is called in the language, and its values. Products may call them otherwise: most of them
    count."""
    counts: dict[str, int] = {}
    names: dict[str, tuple[int, str]] = {}
    called = (0, "")
    for bucket in buckets:
        said, count = said_in(locale, str(bucket["key"])), bucket["doc_count"]
        counts[said.value] = counts.get(said.value, 0) + count
        if said.written:
            names[said.value] = max(names.get(said.value, (0, "")), (count, said.written))
            called = max(called, (count, said.called))
    return called[1], [Count(value, count, names.get(value, (0, ""))[1]) for value, count in counts.items()]


def _value(kind: str, key: Any) -> Value:
    if kind == "bool":
        return bool(key)
    if kind == "day":
        return date.fromordinal(int(key)).isoformat()
    # tantivy counts in floats.
    return int(key) if isinstance(key, float) and key.is_integer() else key
