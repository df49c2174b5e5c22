"""Makes a query of tantivy's of what was read: which documents match, and how well.

Each word is a unit, and all units must match. A unit may be matched in several ways: as it is written, as a synonym, as
a code, as the beginning of a word, spelled otherwise. Scores are sums of constants, so they do not change when others'
documents do, and a page can go on behind a score; how rare a word is counts in coarse steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import tantivy

from stoa.ports.search import Synonyms
from stoa.services.search.index.best import MANY
from stoa.services.search.index.fields import PRODUCT, Fields, of, term, whole_key
from stoa.services.search.index.reading import Part, Reading, Word, replaced
from stoa.services.search.index.spelling import Speller
from stoa.services.search.index.words import Language

MUST, SHOULD, MUST_NOT = tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot

# What a place adds to a score for a word that half of the documents have; a rare word adds up to twice as much.
IN_NAME, IN_LABEL, ANYWHERE = 4.0, 2.0, 1.0
SIDE_BY_SIDE = 1.5
WHOLE_NAME = 8.0
CODE = 40.0

AS_WRITTEN, COMPLETED, MEANT, IN_COMPOUND, DOUBTED = 1.0, 0.9, 0.8, 0.6, 0.5
"""How much a way counts."""
MOST_COMPLETIONS = 20
MOST_COMPOUNDS = 20
SHORTEST_IN_COMPOUND = 4
"""Letters of a word, and three of its stem, and before it: that a long word ends like a short one says little."""
_COMPOUNDS_LOOKED_AT = 100
SHORTEST_CODE = 3
_MANY = 3
"""Where so many words begin like that, it is no misspelled one."""
_OFTEN = 5
"""Another spelling goes beside completions, or a rare word, if it is so many times as frequent."""
_SHORTEST_DOUBTED = 5
"""Letters: a shorter word is often nearly another."""
_RARE, _RARE_SHARE = 20, 0.0001
"""Products, and their share, that have a rare word at most."""


@dataclass(frozen=True)
class Way:
    """All of these stems."""

    stems: tuple[str, ...]
    counts: float = AS_WRITTEN


@dataclass(frozen=True)
class Unit:
    """What must match, in one way or another. `words` is what it stands for in the text."""

    words: tuple[Word, ...]
    ways: tuple[Way, ...]
    codes: tuple[str, ...] = ()
    phrase: tuple[str, ...] = ()
    filler: bool = False


@dataclass(frozen=True)
class Asked:
    """What is looked for. `corrected` is the text that it is of, where that is not the shopper's."""

    units: tuple[Unit, ...]
    without: tuple[Part, ...] = ()
    corrected: str | None = None
    at_least: int | None = None
    """Of the units, where not all must match."""

    @property
    def stems(self) -> list[frozenset[str]]:
        """What is marked in a text, for each unit."""
        return [
            frozenset(stem for way in (*unit.ways, Way(unit.phrase)) for stem in way.stems)
            for unit in self.units
            if not unit.filler and (unit.ways or unit.phrase)
        ]


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
        self._searcher = searcher
        self._schema = fields.schema
        self._locale = locale
        self._language: Language = fields.languages[locale]
        self._speller = Speller(searcher, fields, locale)

    def understand(self, reading: Reading, synonyms: Synonyms, *, exact: bool) -> Asked:
        """What the words are in this shop."""
        units: list[Unit] = []
        plain: list[Word] = []
        for part in reading.parts:
            special = self._special(part)
            if special is None:
                plain.extend(part.words)
            else:
                units.extend(self._plain(plain, synonyms))
                units.append(special)
                plain = []
        units.extend(self._plain(plain, synonyms))
        if all(unit.filler for unit in units):
            units = [replace(unit, filler=False) for unit in units]
        instead: list[tuple[Word, str]] = []
        if not exact:
            last = reading.parts[-1].words[-1] if reading.parts and reading.open_ended else None
            units = [self._resolved(unit, instead, is_last=last in unit.words) for unit in units]
        corrected = replaced(reading.text, instead) if instead else None
        return Asked(tuple(units), tuple(reading.without), corrected)

    def respelled(self, reading: Reading, asked: Asked) -> Iterator[Asked]:
        """The same with another spelling of one word that is known, the rarest first: the others may not go with it."""
        known = [unit for unit in asked.units if len(unit.words) == 1 and not unit.filler and not unit.codes]
        for unit in sorted(known, key=self._documents_of)[:4]:
            [word] = unit.words
            if other := self._speller.spell(word.word):
                way = Way((other.stem,), MEANT)
                units = tuple(replace(one, ways=(way,)) if one is unit else one for one in asked.units)
                yield replace(asked, units=units, corrected=replaced(reading.text, [(word, other.written)]))

    def relaxed(self, asked: Asked) -> Iterator[Asked]:
        """The same with fewer of the words: all but one, half of them, any."""
        apart = tuple(
            one
            for unit in asked.units
            if not unit.filler
            for one in ([Unit((word,), (Way((word.stem,)),)) for word in unit.words] if unit.phrase else [unit])
        )
        for least in dict.fromkeys((len(apart) - 1, len(apart) // 2, 1)):
            if 0 < least < len(apart):
                yield replace(asked, units=apart, at_least=least)
        if any(unit.phrase for unit in asked.units):
            yield replace(asked, units=apart, at_least=1)

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
        needed = [self._documents_of(unit) for unit in asked.units if not unit.filler]
        return (min if asked.at_least is None else sum)(needed or [self._searcher.doc_freq("kind", PRODUCT)])

    def lead(self, asked: Asked) -> Lead | None:
        """Of a search for one word what has it in its name: nothing else scores as high."""
        needed = [unit for unit in asked.units if not unit.filler]
        if len(needed) != 1 or needed[0].codes or needed[0].phrase or not needed[0].ways:
            return None
        ways = needed[0].ways
        without = [(MUST_NOT, self._all("stems", part.stems)) for part in asked.without]
        labeled = self._documents_of(needed[0], "label")
        few = labeled <= MANY
        return Lead(
            tantivy.Query.boolean_query([*without, (MUST, self._any("name", ways))]),
            self._documents_of(needed[0], "name"),
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
                    found.append(_constant(self._any(field, ways), points * weight * counts))
                if asked.at_least is not None:
                    found.append(_constant(self._any("stems", ways), ANYWHERE * weight * counts))
            if unit.codes:
                found.append(_constant(self._codes(unit.codes), CODE))
        stems = [unit.ways[0].stems if unit.ways else () for unit in asked.units]
        for first, second in pairwise(stems):
            if first and second:
                found.append(_constant(self._phrase("name", (*first, *second)), SIDE_BY_SIDE))
        found.append(_constant(self._whole(asked), WHOLE_NAME))
        return found

    def _whole(self, asked: Asked) -> tantivy.Query:
        """What is called so as a whole."""
        stems = [stem for unit in asked.units if unit.ways for stem in unit.ways[0].stems]
        if not stems:
            return tantivy.Query.empty_query()
        return term(self._schema, of("whole", self._locale), whole_key(stems))

    def _special(self, part: Part) -> Unit | None:
        """Words side by side, or a code; None for just words."""
        if part.quoted:
            return Unit(part.words, (), phrase=part.stems)
        if not part.code:
            return None
        ways = (Way(part.stems),) if all(map(self._knows, part.words)) else ()
        if self._searcher.doc_freq("code", part.code):
            return Unit(part.words, ways, (part.code,))
        if not ways and len(part.code) >= SHORTEST_CODE and any(letter.isdigit() for letter in part.code):
            begun = self._searcher.terms_with_prefix("code", part.code, limit=MOST_COMPLETIONS)
            if begun:
                return Unit(part.words, ways, tuple(code for code, _ in begun))
        return None

    def _plain(self, words: Sequence[Word], synonyms: Synonyms) -> Iterator[Unit]:
        """Units of words in a row, where several that have a synonym together are one."""
        meanings = self._meanings(synonyms)
        at = 0
        while at < len(words):
            for end in range(len(words), at, -1):
                row = tuple(words[at:end])
                stems = tuple(word.stem for word in row)
                others = [Way(meant) for meant in meanings.get(stems, ())]
                if len(row) == 2 and (one_word := self._as_one_word(row)):
                    others.append(Way((one_word,), COMPLETED))
                if others or len(row) == 1:
                    filler = len(row) == 1 and self._language.is_filler(row[0].word)
                    yield Unit(row, (Way(stems), *others), filler=filler and not others)
                    at = end
                    break

    def _as_one_word(self, row: Sequence[Word]) -> str | None:
        """The stem of both as one word, if the shop has it: `retro spot` is `retrospot` there."""
        joined = self._language.stem("".join(word.word for word in row))
        return joined if self._searcher.terms_with_prefix(of("words", self._locale), joined, limit=1) else None

    def _meanings(self, synonyms: Synonyms) -> Mapping[tuple[str, ...], Sequence[tuple[str, ...]]]:
        meanings: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for group in synonyms.groups:
            members = [tuple(self._language.stems(member)) for member in group]
            for member in members:
                meanings.setdefault(member, []).extend(other for other in members if other not in ((), member))
        for key, others in synonyms.one_way.items():
            stems = (tuple(self._language.stems(other)) for other in others)
            meanings.setdefault(tuple(self._language.stems(key)), []).extend(filter(None, stems))
        return meanings

    def _resolved(self, unit: Unit, instead: list[tuple[Word, str]], *, is_last: bool) -> Unit:
        """The unit with ways that find something, where its word is not known, and with words that end with its own."""
        if len(unit.words) != 1 or unit.codes or unit.filler:
            return unit
        compounds = self._compounds(unit.words[0])
        if not any(self._finds(way) for way in unit.ways):
            unit = self._guessed(unit, instead, is_last=is_last, is_word=bool(compounds))
        elif not compounds:
            unit = self._doubted(unit, instead)
        return replace(unit, ways=(*unit.ways, *compounds)) if compounds else unit

    def _doubted(self, unit: Unit, instead: list[tuple[Word, str]]) -> Unit:
        """The unit of a rare word with another spelling, where that is far more frequent: some products are misspelled
        themselves, and `earings` has the stem of `ear`."""
        [word] = unit.words
        documents = self._documents_of(unit)
        products = self._searcher.doc_freq("kind", PRODUCT)
        if len(word.word) < _SHORTEST_DOUBTED or documents > max(_RARE, products * _RARE_SHARE):
            return unit
        spelling = self._speller.spell(word.word)
        if spelling is None or spelling.word[0] != word.word[0] or spelling.documents <= _OFTEN * documents:
            return unit
        meant = Way((spelling.stem,), MEANT)
        if self._speller.writes(word.word):
            return replace(unit, ways=(*unit.ways, meant))
        instead.append((word, spelling.written))
        return replace(unit, ways=(meant, *(replace(way, counts=way.counts * DOUBTED) for way in unit.ways)))

    def _compounds(self, word: Word) -> list[Way]:
        short = len(word.word) < SHORTEST_IN_COMPOUND or len(word.stem) < SHORTEST_IN_COMPOUND - 1
        if short or not self._language.has_compounds:
            return []
        tails = self._searcher.terms_with_prefix(of("tail", self._locale), word.stem[::-1], limit=_COMPOUNDS_LOOKED_AT)
        least = len(word.stem) + SHORTEST_IN_COMPOUND - 1
        stems = [tail[::-1] for tail, _ in tails if len(tail) >= least]
        field = of("stems", self._locale)
        stems.sort(key=lambda stem: (-self._searcher.doc_freq(field, stem), stem))
        return [Way((stem,), IN_COMPOUND) for stem in stems[:MOST_COMPOUNDS]]

    def _guessed(self, unit: Unit, instead: list[tuple[Word, str]], *, is_last: bool, is_word: bool) -> Unit:
        """The unit with what its word may have been meant to be; `is_word`: it is written as it is meant."""
        [word] = unit.words
        completions = self._completions(word.word) if is_last else []
        spelling = None if is_word or len(completions) >= _MANY else self._speller.spell(word.word)
        ways: list[Way] = []
        if completions:
            ways.extend(
                Way((stem,), COMPLETED) for stem in dict.fromkeys(self._language.stem(one) for one, _ in completions)
            )
        if spelling and spelling.documents > _OFTEN * sum(count for _, count in completions):
            ways.insert(0, Way((spelling.stem,), MEANT))
            if not completions:
                instead.append((word, spelling.written))
        elif not completions and not is_word and (parts := self._speller.split(word.word)):
            ways.append(Way(tuple(map(self._language.stem, parts)), MEANT))
            instead.append((word, " ".join(self._speller.written(part) for part in parts)))
        elif not completions and not is_last:
            ways.extend(Way((self._language.stem(one),), COMPLETED) for one, _ in self._completions(word.word))
        return replace(unit, ways=tuple(ways)) if ways else unit

    def _completions(self, word: str) -> list[tuple[str, int]]:
        return self._searcher.terms_with_prefix(of("words", self._locale), word, limit=MOST_COMPLETIONS)

    def _knows(self, word: Word) -> bool:
        return self._searcher.doc_freq(of("stems", self._locale), word.stem) > 0

    def _finds(self, way: Way) -> bool:
        field = of("stems", self._locale)
        return all(self._searcher.doc_freq(field, stem) for stem in way.stems)

    def _documents_of(self, unit: Unit, where: str = "stems") -> int:
        """At most so many have it there."""
        field = of(where, self._locale)
        if unit.codes:
            return 1
        ways = [*unit.ways, *(Way((stem,)) for stem in unit.phrase)]
        return sum(min((self._searcher.doc_freq(field, stem) for stem in way.stems), default=0) for way in ways)

    def _weight(self, unit: Unit) -> float:
        return self._rarity(self._documents_of(unit)) * (0.25 if unit.filler else len(unit.words))

    def _rarity(self, documents: int) -> float:
        """From 1 for a word that half of the products have, to 2; in quarters, so that it seldom changes."""
        if not documents:
            return 2.0
        products = max(2, self._searcher.doc_freq("kind", PRODUCT))
        halvings = math.log2(products / min(documents, products))
        return 1 + round(4 * min(1.0, halvings / 14)) / 4

    def _unit(self, unit: Unit) -> tantivy.Query:
        queries = [self._all("stems", way.stems) for way in unit.ways]
        if unit.codes:
            queries.append(self._codes(unit.codes))
        if unit.phrase:
            queries.append(self._phrase("stems", unit.phrase))
        return either(queries)

    def _any(self, field: str, ways: Sequence[Way]) -> tantivy.Query:
        return either([self._all(field, way.stems) for way in ways])

    def _all(self, field: str, stems: Sequence[str]) -> tantivy.Query:
        queries = [term(self._schema, of(field, self._locale), stem) for stem in stems]
        return queries[0] if len(queries) == 1 else tantivy.Query.boolean_query([(MUST, query) for query in queries])

    def _phrase(self, field: str, stems: Sequence[str]) -> tantivy.Query:
        return tantivy.Query.phrase_query(self._schema, of(field, self._locale), list(stems))

    def _codes(self, codes: Sequence[str]) -> tantivy.Query:
        return either([term(self._schema, "code", code) for code in codes])


def _by_counts(unit: Unit) -> Mapping[float, list[Way]]:
    grouped: dict[float, list[Way]] = {}
    for way in (*unit.ways, *(Way((stem,)) for stem in unit.phrase)):
        grouped.setdefault(way.counts, []).append(way)
    return grouped


def either(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    return queries[0] if len(queries) == 1 else tantivy.Query.boolean_query([(SHOULD, query) for query in queries])


def _constant(query: tantivy.Query, points: float) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, points)
