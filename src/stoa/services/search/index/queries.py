"""Queries of tantivy's, put together of parts, and what is asked of them most often."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import tantivy

MUST, SHOULD, MUST_NOT = tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot


def term(schema: tantivy.Schema, field: str, value: Any) -> tantivy.Query:
    if isinstance(value, str):
        # Half of a pair of surrogates is no text to tantivy; there is none in the index.
        value = value.encode("utf-8", "replace").decode()
    return tantivy.Query.term_query(schema, field, value, "basic")


def begins(schema: tantivy.Schema, field: str, beginning: str) -> tantivy.Query:
    """What has a term that begins so: of very many of them the first fifty in each segment, which is what a phrase of
    one word looks at. To list the terms takes a second for a million of them."""
    return tantivy.Query.phrase_prefix_query(schema, field, [beginning])


def all_of(queries: Iterable[tantivy.Query]) -> tantivy.Query:
    """Nothing, of none."""
    return _of(MUST, queries)


def any_of(queries: Iterable[tantivy.Query]) -> tantivy.Query:
    """Nothing, of none."""
    return _of(SHOULD, queries)


def worth(query: tantivy.Query, points: float) -> tantivy.Query:
    """Each hit scores so much, whatever it would."""
    return tantivy.Query.const_score_query(query, points)


def finds(searcher: tantivy.Searcher, query: tantivy.Query) -> bool:
    """Whether there is any hit."""
    return bool(searcher.search(query, 1, count=False).hits)


def count_of(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    """How many hits there are."""
    found: int = cast("Any", searcher.search(query, 1)).count  # its type hints leave this out
    return found


def _of(occur: tantivy.Occur, queries: Iterable[tantivy.Query]) -> tantivy.Query:
    parts = [(occur, query) for query in queries]
    return parts[0][1] if len(parts) == 1 else tantivy.Query.boolean_query(parts)
