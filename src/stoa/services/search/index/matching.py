"""Makes a query of tantivy's of what a text means: which documents match, and how well.

All units must match. Scores are sums of constants, so they do not change when others' documents do, and a page can go
on behind a score; how rare a word is counts in coarse steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import tantivy

from stoa.services.search.index.best import MANY
from stoa.services.search.index.fields import PRODUCT, Fields, of, whole_key
from stoa.services.search.index.frequencies import Frequencies
from stoa.services.search.index.queries import MUST, MUST_NOT, SHOULD, all_of, any_of, begins, term, worth
from stoa.services.search.index.units import MEANT, Asked, Unit, Way

# What a place adds to a score for a word that half of the documents have; a rare word adds up to twice as much.
IN_NAME, IN_LABEL, ANYWHERE = 4.0, 2.0, 1.0
SIDE_BY_SIDE = 1.5
WHOLE_NAME = 8.0
CODE = 40.0


class Lead(NamedTuple):
    """The hits that have a word in their name, at most `documents`; no other hit scores above `others`.

    Of them `beside` can be worth more than what they are worth tells: the rest scores at most `rest`, before it is
    multiplied with that.
    """

    query: tantivy.Query
    documents: int
    others: float
    beside: Sequence[tantivy.Query]
    rest: float


class Matcher:
    """Of one searcher and one locale."""

    def __init__(self, searcher: tantivy.Searcher, fields: Fields, locale: str) -> None:
        self._schema = fields.schema
        self._locale = locale
        self._frequencies = Frequencies(searcher, fields, locale)

    def match(self, asked: Asked) -> tantivy.Query:
        """The documents."""
        needed = [self._unit(unit) for unit in asked.units if not unit.filler]
        clauses = [(MUST_NOT, self._all("stems", part.stems)) for part in asked.without]
        if asked.at_least is None:
            clauses.extend((MUST, query) for query in needed)
        else:
            few = tantivy.Query.boolean_query([(SHOULD, query) for query in needed], asked.at_least)
            clauses.append((MUST, few))
        if not needed:
            clauses.append((MUST, term(self._schema, "kind", PRODUCT)))
        return tantivy.Query.boolean_query(clauses)

    def at_most(self, asked: Asked) -> int:
        """How many documents can match: those of the rarest word that must."""
        needed = [self._frequencies.of_unit(unit) for unit in asked.units if not unit.filler]
        return (min if asked.at_least is None else sum)(needed or [self._frequencies.products])

    def lead(self, asked: Asked) -> Lead | None:
        """Of a search for one word what has it in its name: nothing else scores as high."""
        needed = [unit for unit in asked.units if not unit.filler]
        if len(needed) != 1 or needed[0].code or needed[0].phrase or not needed[0].ways:
            return None
        ways = needed[0].ways
        without = [(MUST_NOT, self._all("stems", part.stems)) for part in asked.without]
        labeled = self._frequencies.of_unit(needed[0], "label")
        few = labeled <= MANY
        return Lead(
            tantivy.Query.boolean_query([*without, (MUST, self._any("name", ways))]),
            self._frequencies.of_unit(needed[0], "name"),
            self._highest(asked, IN_LABEL),
            [self._whole(asked), *([self._any("label", ways)] if few else [])],
            self._highest(asked, IN_NAME if few else IN_NAME + IN_LABEL),
        )

    def _highest(self, asked: Asked, points: float) -> float:
        """What a document scores that has the word where it is worth so many points, and of the others all there is
        but the whole name."""
        score = 1.0 + SIDE_BY_SIDE * (len(asked.units) - 1)
        for unit in asked.units:
            score += self._weight(unit) * sum(_by_counts(unit)) * (IN_NAME + IN_LABEL if unit.filler else points)
        return score

    def scores(self, asked: Asked) -> list[tantivy.Query]:
        """What adds to the score of a document that matches."""
        found: list[tantivy.Query] = []
        for unit in asked.units:
            weight = self._weight(unit)
            for counts, ways in _by_counts(unit).items():
                for field, points in (("name", IN_NAME), ("label", IN_LABEL)):
                    found.append(worth(self._any(field, ways), points * weight * counts))
                if asked.at_least is not None:
                    found.append(worth(self._any("stems", ways), ANYWHERE * weight * counts))
            if unit.code:
                found.append(worth(self._code(unit), CODE))
        stems = [unit.ways[0].stems if unit.ways else () for unit in asked.units]
        for first, second in pairwise(stems):
            if first and second:
                found.append(worth(self._phrase("name", (*first, *second)), SIDE_BY_SIDE))
        found.append(worth(self._whole(asked), WHOLE_NAME))
        return found

    def _whole(self, asked: Asked) -> tantivy.Query:
        """What is called so as a whole, and not only with a word that ends so."""
        ways = [unit.ways[0] for unit in asked.units if unit.ways]
        stems = [stem for way in ways for stem in way.stems]
        if not stems or min(way.counts for way in ways) < MEANT:
            return tantivy.Query.empty_query()
        return term(self._schema, of("whole", self._locale), whole_key(stems))

    def _weight(self, unit: Unit) -> float:
        words = sum(0.5 if word.word.isdigit() else 1 for word in unit.words)
        return self._rarity(self._frequencies.of_unit(unit)) * (0.25 if unit.filler else words)

    def _rarity(self, documents: int) -> float:
        """From 1 for a word that half of the products have, to 2; in quarters, so that it seldom changes."""
        if not documents:
            return 2.0
        products = max(2, self._frequencies.products)
        halvings = math.log2(products / min(documents, products))
        return 1 + round(4 * min(1.0, halvings / 14)) / 4

    def _unit(self, unit: Unit) -> tantivy.Query:
        queries = [self._all("stems", way.stems) for way in unit.ways]
        if unit.code:
            queries.append(self._code(unit))
        if unit.phrase:
            queries.append(self._phrase("stems", unit.phrase))
        return any_of(queries)

    def _any(self, field: str, ways: Sequence[Way]) -> tantivy.Query:
        return any_of(self._all(field, way.stems) for way in ways)

    def _all(self, field: str, stems: Sequence[str]) -> tantivy.Query:
        return all_of(term(self._schema, of(field, self._locale), stem) for stem in stems)

    def _phrase(self, field: str, stems: Sequence[str]) -> tantivy.Query:
        return tantivy.Query.phrase_query(self._schema, of(field, self._locale), list(stems))

    def _code(self, unit: Unit) -> tantivy.Query:
        return (begins if unit.code_is_begun else term)(self._schema, "code", unit.code)


def _by_counts(unit: Unit) -> Mapping[float, list[Way]]:
    grouped: dict[float, list[Way]] = {}
    for way in (*unit.ways, *(Way((stem,)) for stem in unit.phrase)):
        grouped.setdefault(way.counts, []).append(way)
    return grouped
