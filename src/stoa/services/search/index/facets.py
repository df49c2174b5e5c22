"""How many hits have which value: one pass over the hits, and one more for each facet that is itself filtered by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import tantivy

from stoa.ports.search import CategoryCount, Count, FacetCounts, Facets, RangeCount, Value
from stoa.services.search.index.counting import Counts, Hits
from stoa.services.search.index.fields import attribute_key, path_and_name
from stoa.services.search.index.filters import ATTRIBUTE, AVAILABILITY, BRAND, CATEGORY, MUST, PRICE

# Of a facet with more values the rare ones are counted too low.
_MOST_VALUES = 5_000


_UNKNOWN = Hits(None)


class _Facet(NamedTuple):
    filtered_by: str
    """Whose filter it leaves out."""
    passes: Mapping[str, Mapping[str, Any]]


def count(
    counts: Counts,
    matches: tantivy.Query,
    filters: Mapping[str, tantivy.Query],
    wanted: Facets,
    hits: Hits,
    *,
    locale: str,
) -> FacetCounts:
    facets = _wanted(wanted)
    if not facets:
        return FacetCounts()
    answers: dict[str, Any] = {}
    # Those whose own filter is not set are all of the same hits.
    apart = {facet.filtered_by if facet.filtered_by in filters else "" for facet in facets}
    for left_out in sorted(apart):
        passes: dict[str, Any] = {}
        for facet in facets:
            if (facet.filtered_by if facet.filtered_by in filters else "") == left_out:
                passes.update(facet.passes)
        query = narrowed(matches, filters, left_out)
        # Without one of its filters there may be far more of them.
        answers.update(counts.of(query, passes, _UNKNOWN if left_out else hits))
    return _counts(answers, wanted, locale)


def narrowed(matches: tantivy.Query, filters: Mapping[str, tantivy.Query], left_out: str = "") -> tantivy.Query:
    """Both, but for one filter."""
    kept = [(MUST, query) for name, query in filters.items() if name != left_out]
    return tantivy.Query.boolean_query([(MUST, matches), *kept]) if kept else matches


def _wanted(wanted: Facets) -> list[_Facet]:
    found: list[_Facet] = []
    if wanted.categories:
        found.append(_Facet(CATEGORY, {"categories": _terms("category")}))
    if wanted.brands:
        found.append(_Facet(BRAND, {"brands": _terms("brand")}))
    if wanted.availability:
        found.append(_Facet(AVAILABILITY, {"availability": _terms("available")}))
    if wanted.price_bounds:
        ranges = [
            {"from": lower, "to": upper} if lower is not None else {"to": upper}
            for lower, upper in zip((None, *wanted.price_bounds), wanted.price_bounds, strict=False)
        ]
        ranges.append({"from": wanted.price_bounds[-1]})
        passes = {field: {"range": {"field": field, "ranges": ranges}} for field in ("price", "price_max")}
        found.append(_Facet(PRICE, passes))
    for number, name in enumerate(wanted.attributes):
        keys = {f"{kind} {number}": attribute_key(name, value) for kind, value in _KINDS.items()}
        passes = {at: _terms(f"attribute.{key}") for at, key in keys.items()}
        found.append(_Facet(f"{ATTRIBUTE}{name}", passes))
    return found


_KINDS: Mapping[str, Value | date] = {"text": "", "number": 0, "bool": False, "day": date.min}


def _terms(field: str) -> dict[str, Any]:
    return {"terms": {"field": field, "size": _MOST_VALUES, "segment_size": _MOST_VALUES}}


def _counts(answers: Mapping[str, Any], wanted: Facets, locale: str) -> FacetCounts:
    attributes = {
        name: _most_frequent(
            [
                Count(_value(kind, bucket["key"]), bucket["doc_count"])
                for kind in _KINDS
                for bucket in answers[f"{kind} {number}"]["buckets"]
            ],
            wanted.most_values,
        )
        for number, name in enumerate(wanted.attributes)
    }
    return FacetCounts(
        categories=_tree(answers["categories"]["buckets"], locale) if wanted.categories else (),
        brands=_most_frequent(_plain(answers["brands"]["buckets"]), wanted.most_values) if wanted.brands else (),
        availability=_availability(answers["availability"]["buckets"]) if wanted.availability else (),
        prices=_prices(answers, wanted.price_bounds) if wanted.price_bounds else (),
        attributes=attributes,
    )


def _plain(buckets: Sequence[Mapping[str, Any]]) -> list[Count]:
    return [Count(bucket["key"], bucket["doc_count"]) for bucket in buckets]


def _value(kind: str, key: Any) -> Value:
    if kind == "bool":
        return bool(key)
    if kind == "day":
        return date.fromordinal(int(key)).isoformat()
    # tantivy counts in floats.
    return int(key) if isinstance(key, float) and key.is_integer() else key


def _most_frequent(counts: Sequence[Count], most: int) -> list[Count]:
    return sorted(counts, key=lambda one: (-one.count, isinstance(one.value, str), one.value))[:most]


def _availability(buckets: Sequence[Mapping[str, Any]]) -> list[Count]:
    by_value = {bool(bucket["key"]): bucket["doc_count"] for bucket in buckets}
    return [Count(value, by_value.get(value, 0)) for value in (True, False)]


def _prices(answers: Mapping[str, Any], bounds: Sequence[int]) -> list[RangeCount]:
    """A product reaches into a range if its lowest price is below the range's end, and not its highest below its
    beginning: with both counted by the same ranges that is one sum less another."""
    lowest, highest = (
        [bucket["doc_count"] for bucket in answers[field]["buckets"]] for field in ("price", "price_max")
    )
    edges = (None, *bounds, None)
    return [
        RangeCount(edges[at], edges[at + 1], sum(lowest[: at + 1]) - sum(highest[:at])) for at in range(len(bounds) + 1)
    ]


def _tree(buckets: Sequence[Mapping[str, Any]], locale: str) -> list[CategoryCount]:
    # While a category is being renamed some documents have its old name: they count with the others.
    counts: dict[str, int] = {}
    names: dict[str, tuple[int, str]] = {}
    for bucket in buckets:
        path, name = path_and_name(str(bucket["key"]), locale)
        counts[path] = counts.get(path, 0) + bucket["doc_count"]
        names[path] = max(names.get(path, (0, "")), (bucket["doc_count"], name))
    below: dict[str, list[str]] = {}
    for path in counts:
        below.setdefault(path.rpartition("/")[0], []).append(path)

    def level(above: str) -> list[CategoryCount]:
        paths = sorted((path for path in below.get(above, ()) if path), key=lambda path: (-counts[path], path))
        return [CategoryCount(path.rpartition("/")[2], names[path][1], counts[path], level(path)) for path in paths]

    return level("")
