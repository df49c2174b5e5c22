"""How many products have a word."""

from __future__ import annotations

import tantivy

from stoa.services.search.index.fields import PRODUCT, of
from stoa.services.search.index.units import Unit, Way


class Frequencies:
    """Of one searcher and one locale. What was removed since counts until tantivy forgets it."""

    def __init__(self, searcher: tantivy.Searcher, locale: str) -> None:
        self._searcher = searcher
        self._locale = locale

    @property
    def products(self) -> int:
        return self._searcher.doc_freq("kind", PRODUCT)

    def of_stem(self, stem: str, where: str = "stems") -> int:
        return self._searcher.doc_freq(of(where, self._locale), stem)

    def of_way(self, way: Way, where: str = "stems") -> int:
        """At most so many have all of it there."""
        return min((self.of_stem(stem, where) for stem in way.stems), default=0)

    def of_unit(self, unit: Unit, where: str = "stems") -> int:
        """At most so many have it there, in one way or another."""
        if unit.codes:
            return 1
        return sum(self.of_way(way, where) for way in (*unit.ways, *(Way((stem,)) for stem in unit.phrase)))
