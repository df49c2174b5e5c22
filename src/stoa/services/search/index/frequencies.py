"""How many products have a word."""

from __future__ import annotations

from functools import cached_property

import tantivy

from stoa.services.search.index.fields import KINDS, PRODUCT, Fields, of
from stoa.services.search.index.queries import all_of, finds, term
from stoa.services.search.index.units import Unit, Way


class Frequencies:
    """Of one searcher and one locale. What was removed since counts until tantivy forgets it."""

    def __init__(self, searcher: tantivy.Searcher, fields: Fields, locale: str) -> None:
        self._searcher = searcher
        self._schema = fields.schema
        self._locale = locale

    @property
    def products(self) -> int:
        return self._searcher.doc_freq("kind", PRODUCT)

    def of_stem(self, stem: str, where: str = "stems") -> int:
        return self._searcher.doc_freq(of(where, self._locale), stem)

    def of_way(self, way: Way, where: str = "stems") -> int:
        """At most so many have all of it there."""
        return min((self.of_stem(stem, where) for stem in way.stems), default=0)

    def finds(self, way: Way) -> bool:
        """Whether a product has all of it: one that is there, and not one that was removed since."""
        documents = self.of_way(way)
        # To look for one takes as long as there are hits, so it is not done where the removed ones cannot be all.
        if not documents or (len(way.stems) == 1 and documents > self._gone):
            return documents > 0
        stems = of("stems", self._locale)
        return finds(self._searcher, all_of(term(self._schema, stems, stem) for stem in way.stems))

    @cached_property
    def _gone(self) -> int:
        """Documents that count still."""
        return sum(self._searcher.doc_freq("kind", kind) for kind in KINDS) - self._searcher.num_docs

    def of_unit(self, unit: Unit, where: str = "stems") -> int:
        """At most so many have it there, in one way or another."""
        if unit.code:
            return 1
        return sum(self.of_way(way, where) for way in (*unit.ways, *(Way((stem,)) for stem in unit.phrase)))
