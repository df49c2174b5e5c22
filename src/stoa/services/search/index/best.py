"""Where the best of very many hits are, so that not each of them has to be put in order.

Sorted by a column they are behind one of its bounds: which, tells how the column is spread. By relevance a word that a
name has counts for more than all that is elsewhere, and of those that have it there, what they are worth. It is a guess
what is there: the page looks whether there are as many as it needs, and at all hits otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import tantivy

from stoa.services.search.index.bands import bands_from
from stoa.services.search.index.fields import PRODUCT
from stoa.services.search.index.queries import any_of, term

MANY = 10_000
"""Hits. Fewer are put in order in about a millisecond."""
_SHARES = (0.0001, 0.0003, 0.001, 0.003, 0.01)
_ROOM = 4
"""So many more than are needed are expected behind a bound: what is searched for may be spread otherwise."""
_GROWN = 2
_LEAST_SHARE_OF_WORTH = 0.001
"""What fewer are worth differs by less than scores are rounded."""
_ROUNDED = 2e-6
"""By so much at most, of one: a score has 24 bits."""
_KINDS = {float: tantivy.FieldType.Float, int: tantivy.FieldType.Integer}


class Best(NamedTuple):
    """Of the hits those which come first, if the last that is needed of them has `least`."""

    query: tantivy.Query
    least: float | None = None


class WorthMost(NamedTuple):
    """What is worth most, and a factor above which nothing else is."""

    query: tantivy.Query
    factor: float


class _Spread(NamedTuple):
    """Behind which value which share of so many products is."""

    products: int
    bounds: Mapping[float, float | int]


class Spreads:
    """How columns are spread, of one index through its commits: looked at again when it is another size."""

    def __init__(self) -> None:
        self._spreads: dict[tuple[str, bool], _Spread] = {}

    def first(
        self, searcher: tantivy.Searcher, schema: tantivy.Schema, field: str, hits: int, needed: int, *, falling: bool
    ) -> tantivy.Query | None:
        """What the first `needed` of so many hits are probably among; None if they are to be looked for among all."""
        share = _share(hits, needed)
        if share is None:
            return None
        bound = self._spread(searcher, schema, field, falling=falling).bounds[share]
        lower, upper = (bound, None) if falling else (None, bound)
        return tantivy.Query.range_query(schema, field, _KINDS[type(bound)], lower, upper)

    def worth_most(
        self, searcher: tantivy.Searcher, schema: tantivy.Schema, field: str, hits: int, needed: int
    ) -> WorthMost | None:
        """The same by `worth` or `standing`, of which there are bands."""
        share = _share(hits, needed, _LEAST_SHARE_OF_WORTH)
        if share is None:
            return None
        factor = math.log2(2 + self._spread(searcher, schema, field, falling=True).bounds[share])
        bands = any_of(term(schema, f"{field}_band", band) for band in bands_from(factor))
        return WorthMost(bands, factor + _ROUNDED)

    def _spread(self, searcher: tantivy.Searcher, schema: tantivy.Schema, field: str, *, falling: bool) -> _Spread:
        products = searcher.doc_freq("kind", PRODUCT)
        known = self._spreads.get((field, falling))
        if known is None or not products / _GROWN <= known.products <= products * _GROWN:
            order = tantivy.Order.Desc if falling else tantivy.Order.Asc
            most = max(1, int(products * _SHARES[-1]))
            everything = term(schema, "kind", PRODUCT)
            hits = searcher.search(everything, most, count=False, order_by_field=field, order=order).hits
            bounds = {share: hits[min(int(products * share), len(hits) - 1)][0] for share in _SHARES}
            known = self._spreads[field, falling] = _Spread(products, bounds)
        return known


def _share(hits: int, needed: int, least: float = 0.0) -> float | None:
    """The smallest among which so many are expected; None where it is quicker to look at all."""
    enough = (share for share in _SHARES if share >= least and share * hits >= _ROOM * needed)
    return next(enough, None) if hits > MANY else None
