"""Counts few hits by what is stored of each, and answers as tantivy's aggregations do: those take their time for every
pass over every segment, however few hits there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from stoa.ports.search import Value

Columns = Mapping[str, Sequence[Value]]
"""Of one document: by field the values that are counted."""


def tally(hits: Iterable[Columns], passes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    hits = list(hits)
    return {name: {"buckets": _buckets(hits, wanted)} for name, wanted in passes.items()}


def _buckets(hits: Sequence[Columns], wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    [(how, asked)] = wanted.items()
    counts = Counter(chain.from_iterable(hit.get(asked["field"], ()) for hit in hits))
    if how == "terms":
        return [{"key": value, "doc_count": count} for value, count in counts.items()]
    return [{"doc_count": _between(counts, each.get("from"), each.get("to"))} for each in asked["ranges"]]


def _between(counts: Mapping[Any, int], lower: int | None, upper: int | None) -> int:
    return sum(
        count
        for value, count in counts.items()
        if (lower is None or value >= lower) and (upper is None or value < upper)
    )
