"""How many hits have which value: one pass over the hits, and one more for each facet that is itself filtered by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tantivy

from stoa.ports.search import CategoryCount, Count, FacetCounts, Facets, RangeCount
from stoa.services.search.index import attribute_facets
from stoa.services.search.index.attribute_facets import most_frequent
from stoa.services.search.index.counting import Counts, Hits
from stoa.services.search.index.fields import path_and_name
from stoa.services.search.index.filters import ATTRIBUTE, AVAILABILITY, BRAND, CATEGORY, PRICE, Narrowing
from stoa.services.search.index.queries import all_of
from stoa.services.search.index.tally import tally

# Of a facet with more values the rare ones are counted too low.
_MOST_VALUES = 5_000


_UNKNOWN = Hits(None)
_HAS = "has"


class _Facet(NamedTuple):
    filtered_by: str
    """Whose filter it leaves out."""
    passes: Mapping[str, Mapping[str, Any]]


def count(
    counts: Counts,
    matches: tantivy.Query,
    filters: Narrowing,
    wanted: Facets,
    hits: Hits,
    *,
    locale: str,
) -> FacetCounts:
    few = counts.few(all_of([matches, *filters.all()]), hits)

    def answered(facets: Sequence[_Facet]) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        # Those whose own filter is not set are all of the same hits.
        apart = {facet.filtered_by if facet.filtered_by in filters.names else "" for facet in facets}
        for left_out in sorted(apart):
            passes: dict[str, Any] = {}
            for facet in facets:
                if (facet.filtered_by if facet.filtered_by in filters.names else "") == left_out:
                    passes.update(facet.passes)
            if few is not None and not left_out:
                answers.update(tally(few, passes))
            else:
                # Without one of its filters there may be far more of them.
                query = all_of([matches, *filters.all(but=left_out)])
                answers.update(counts.of(query, passes, _UNKNOWN if left_out else hits))
        return answers

    answers = answered(_wanted(wanted))
    named = list(wanted.attributes)
    if wanted.most_attributes:
        filtered = {name.removeprefix(ATTRIBUTE) for name in filters.names if name.startswith(ATTRIBUTE)}
        named += attribute_facets.most_had(answers[_HAS]["buckets"], wanted, filtered)
    answers |= answered(_attributes(named))
    return _counts(answers, wanted, named, hits, locale)


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
    if wanted.most_attributes:
        found.append(_Facet("", {_HAS: _terms("has")}))
    return found


def _attributes(names: Sequence[str]) -> list[_Facet]:
    return [
        _Facet(
            f"{ATTRIBUTE}{name}",
            {f"{kind} {number}": _terms(field) for kind, field in attribute_facets.columns(name).items()},
        )
        for number, name in enumerate(names)
    ]


def _terms(field: str) -> dict[str, Any]:
    return {"terms": {"field": field, "size": _MOST_VALUES, "segment_size": _MOST_VALUES}}


def _counts(answers: Mapping[str, Any], wanted: Facets, named: Sequence[str], hits: Hits, locale: str) -> FacetCounts:
    attributes = [
        attribute_facets.counted(
            name,
            {kind: answers[f"{kind} {number}"]["buckets"] for kind in attribute_facets.columns(name)},
            wanted,
            locale,
        )
        for number, name in enumerate(named)
    ]
    return FacetCounts(
        categories=_tree(answers["categories"]["buckets"], locale) if wanted.categories else (),
        brands=most_frequent(_plain(answers["brands"]["buckets"]), wanted.most_values) if wanted.brands else (),
        availability=_availability(answers["availability"]["buckets"]) if wanted.availability else (),
        prices=_prices(answers, wanted.price_bounds) if wanted.price_bounds else (),
        attributes=attribute_facets.in_order(attributes, len(wanted.attributes), hits.total),
    )


def _plain(buckets: Sequence[Mapping[str, Any]]) -> list[Count]:
    return [Count(bucket["key"], bucket["doc_count"]) for bucket in buckets]


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
