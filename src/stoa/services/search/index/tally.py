"""Counts few hits by what is stored of each, and answers as tantivy's aggregations do: those take their time for every
pass over every segment, however few hits there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stoa.ports.search import Value

Columns = Mapping[str, Sequence[Value]]
"""Of one document: by field the values that are counted."""
Tallied = Mapping[str, Mapping[Value, int]]
"""Of several: by field how many have which value."""


def tallied(hits: Iterable[Columns]) -> Tallied:
    """In one go, whatever is asked for: a document has few values."""
    found: dict[str, dict[Value, int]] = {}
    for hit in hits:
        for field, values in hit.items():
            counts = found.setdefault(field, {})
            for value in values:
                counts[value] = counts.get(value, 0) + 1
    return found


def tally(counts: Tallied, passes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: {"buckets": _buckets(counts, wanted)} for name, wanted in passes.items()}


def _buckets(counts: Tallied, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    [(how, asked)] = wanted.items()
    of_field = counts.get(asked["field"], {})
    if how == "terms":
        return [{"key": value, "doc_count": count} for value, count in of_field.items()]
    return [{"doc_count": _between(of_field, each.get("from"), each.get("to"))} for each in asked["ranges"]]


def _between(counts: Mapping[Any, int], lower: int | None, upper: int | None) -> int:
    return sum(
        count
        for value, count in counts.items()
        if (lower is None or value >= lower) and (upper is None or value < upper)
    )
