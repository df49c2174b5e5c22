"""Which attributes the hits have, and how many of them which value."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Any

from stoa.ports.search import AttributeCount, Count, Facets, Value
from stoa.services.search.index.fields import attribute_key, has_option
from stoa.services.search.index.options import Said, option_key, said_in, without_case

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
    by_kind = {kind: [Count(_value(kind, one["key"]), one["doc_count"]) for one in buckets[kind]] for kind in _KINDS}
    ordered = by_kind["number"] or by_kind["day"]
    between = sorted(one.value for one in ordered)
    if len(between) > wanted.most_numbers:
        ordered.clear()
    said = [
        *((Said(str(one.value), "", ""), one.count) for kind in ("text", "day") for one in by_kind.pop(kind)),
        *((said_in(locale, str(one["key"])), one["doc_count"]) for one in buckets[_OPTION]),
    ]
    called, texts = _texts(said)
    return AttributeCount(
        key=name,
        name=called,
        values=most_frequent([*texts, *chain.from_iterable(by_kind.values())], wanted.most_values),
        least=between[0] if between else None,
        most=between[-1] if between else None,
    )


def in_order(counts: Sequence[AttributeCount], named: int, hits: int | None) -> list[AttributeCount]:
    """Those that were named first; of the others that which divides no hits last."""
    found = [one for one in counts[named:] if one.values or one.least is not None]
    return [*counts[:named], *sorted(found, key=lambda one: [each.count for each in one.values] == [hits])]


def most_frequent(counts: Sequence[Count], most: int) -> list[Count]:
    return sorted(counts, key=lambda one: (-one.count, isinstance(one.value, str), one.value))[:most]


def _texts(told: Iterable[tuple[Said, int]]) -> tuple[str, list[Count]]:
    """What the option is called in the language, and the values that are texts. Products may call and spell them
    otherwise: most of them count."""
    spelled: dict[str, dict[str, int]] = {}
    names: dict[str, tuple[int, str]] = {}
    called = (0, "")
    for said, count in told:
        value = without_case(said.value)
        spellings = spelled.setdefault(value, {})
        spellings[said.value] = spellings.get(said.value, 0) + count
        if said.written:
            names[value] = max(names.get(value, (0, "")), (count, said.written))
            called = max(called, (count, said.called))
    return called[1], [
        Count(_most_frequent_of(spellings), sum(spellings.values()), names.get(value, (0, ""))[1])
        for value, spellings in spelled.items()
    ]


def _most_frequent_of(spellings: Mapping[str, int]) -> str:
    return min(spellings, key=lambda one: (-spellings[one], one))


def _value(kind: str, key: Any) -> Value:
    if kind == "bool":
        return bool(key)
    if kind == "day":
        return date.fromordinal(int(key)).isoformat()
    # tantivy counts in floats.
    return int(key) if isinstance(key, float) and key.is_integer() else key
