"""What a word that this shop does not have may have been meant to be.

The words of all products are documents of their own (`fields.py`), so that what is nearly a word is looked for among as
many terms as there are words, and each is one hit. Stems are compared too, since whoever misspells a word may mean
another form of it than the shop has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import tantivy

from stoa.services.search.index.fields import SHORTEST_SPELLED, Fields, of
from stoa.services.search.index.frequencies import Frequencies
from stoa.services.search.index.misspellings import (
    begins_alike,
    differ_by_ending,
    edits_between,
    is_slip,
    likeliness,
    may_be_meant,
    most_edits,
)
from stoa.services.search.index.queries import any_of, term, worth
from stoa.services.search.index.units import Way

SHORTEST_IN_COMPOUND = 4
"""Letters of a word, and three of its stem, and before it: that a long word ends like a short one says little."""
_MOST_NEAR = 100
"""Words that are looked at: of three letters many are one letter away."""
_AS_WRITTEN = 6
"""How much likelier it is that words are as near as their stems."""
_SHORTEST_BEGUN = 5
"""Letters: of four begin too many words nearly so."""
_SHORTEST_SOUNDING, _SHORTEST_HOMOPHONE, _SHORTEST_SOUND = 6, 8, 3
"""Letters of what is no word, of a word, and of how they sound: short words sound like many."""


class Spelling(NamedTuple):
    word: str
    stem: str
    edits: int
    """Between the words or between their stems, whichever are nearer."""
    likelihood: int
    """Among those as near: how frequent it is, times how often one writes like that."""
    documents: int
    written: str
    """The word with its accents."""


def _written(document: tantivy.Document, locale: str, word: str) -> str:
    kept = document.get_first(of("written", locale))
    return bytes(kept).decode() if kept else word


class Speller:
    """Spells with the words of one searcher."""

    def __init__(self, searcher: tantivy.Searcher, fields: Fields, locale: str) -> None:
        self._searcher = searcher
        self._schema = fields.schema
        self._locale = locale
        self._language = fields.languages[locale]
        self._stem = self._language.stem
        self._frequencies = Frequencies(searcher, fields, locale)

    def spell(self, word: str) -> Spelling | None:
        """The nearest word that begins with the same letter; where there is none, the nearest, or what sounds so."""
        if len(word) < SHORTEST_SPELLED or not word.isalpha():
            return None
        # Of a Winterjacke two edits make a Winterdecke.
        most = 1 if self._language.is_compound(word) else most_edits(word)
        for allowed in range(1, most + 1):
            if other := self._first_there(word, self._near(word, allowed)):
                return other
        if other := self._first_there(word, self._sounding(word)):
            return other
        if self._language.is_word(word) or not word.endswith("s") or word.endswith("ss"):
            return None
        # Of a misspelled word the stemmer may not see what form it is.
        return self.spell(word[:-1])

    def slipped(self, word: str) -> Spelling | None:
        """What a word that the shop has may be a slip for: the likeliest that begins with the same letter and has one
        more often or less, or two in another order. Of a long one that a product has just so, any that is one edit
        away; else both may well be meant."""
        if not word.isalpha():
            return None
        any_edit = most_edits(word) > 1 and self.writes(word)
        near = self._found(word, self._fuzzy(of("spelled", self._locale), word, 1), 1)
        begin_so = (one for one in near if one.word[0] == word[0])
        slips = [one for one in begin_so if any_edit or is_slip(word, one.word)]
        return self._first_there(word, slips)

    def has_form_of(self, word: str) -> bool:
        """Whether a product has the word but for an ending: a plural, or what it is the plural of."""
        stem = term(self._schema, of("spelled_stem", self._locale), self._stem(word))
        return any(
            differ_by_ending(word, str(self._searcher.doc(address).get_first(of("spelled", self._locale))))
            for _score, address in self._searcher.search(stem, _MOST_NEAR, count=False).hits
        )

    def ends(self, word: str) -> str | None:
        """The word of the language one edit away that most words of this shop end with: who writes `schokolde` where
        there is `Vollmilchschokolade` means `schokolade`."""
        if len(word) < SHORTEST_IN_COMPOUND or not word.isalpha() or self._language.is_word(word) is not False:
            return None
        tail = of("tail", self._locale)
        near = tantivy.Query.fuzzy_term_query(self._schema, tail, self._stem(word)[::-1], 1, prefix=True)
        found: dict[str, int] = {}
        for _score, address in self._searcher.search(near, _MOST_NEAR, count=False).hits:
            document = self._searcher.doc(address)
            compound = str(document.get_first(of("spelled", self._locale)))
            written = _written(document, self._locale, compound)
            for end in self._language.ends_of_compound(compound):
                if edits_between(word, end, 1) == 1 and begins_alike(word, end):
                    said = written[-len(end) :] if len(written) == len(compound) else end
                    often = self._frequencies.of_stem(self._stem(compound))
                    found[said] = found.get(said, 0) + likeliness(word, end) * often
        return max(found, key=lambda end: (found[end], end), default=None)

    def begins(self, word: str) -> str | None:
        """The most frequent word of those that begin with the same letter, and one edit away from this."""
        if len(word) < _SHORTEST_BEGUN or not word.isalpha() or self._language.is_word(word):
            return None
        spelled = of("spelled", self._locale)
        begun = tantivy.Query.fuzzy_term_query(self._schema, spelled, word, 1, prefix=True)
        hits = self._searcher.search(begun, _MOST_NEAR, count=False).hits
        words = (str(self._searcher.doc(address).get_first(spelled)) for _score, address in hits)
        found = {other: self._frequencies.of_stem(self._stem(other)) for other in words if other[0] == word[0]}
        best = max(found, key=lambda other: (found[other], other), default=None)
        return None if best is None else self.written(best)

    def writes(self, word: str) -> bool:
        """Whether a product has the word just so, and no other form of it."""
        return self._searcher.doc_freq(of("spelled", self._locale), word) > 0

    def written(self, word: str) -> str:
        """A word of this shop with its accents, which words of the index have none of."""
        hits = self._searcher.search(term(self._schema, of("spelled", self._locale), word), 1, count=False).hits
        return _written(self._searcher.doc(hits[0][1]), self._locale, word) if hits else word

    def split(self, word: str) -> tuple[str, str] | None:
        """Two words that a product has and that were written as one; the parts that are both as frequent as can be."""
        best: tuple[int, tuple[str, str]] | None = None
        for at in range(SHORTEST_SPELLED, len(word) - SHORTEST_SPELLED + 1):
            parts = word[:at], word[at:]
            way = Way((self._stem(parts[0]), self._stem(parts[1])))
            rarer = self._frequencies.of_way(way)
            if rarer and (best is None or rarer > best[0]) and self._frequencies.finds(way):
                best = rarer, parts
        return best[1] if best else None

    def _near(self, word: str, allowed: int) -> list[Spelling]:
        stem = self._stem(word)
        spelled = of("spelled", self._locale)
        # Of more than are looked at those that are near as they are written.
        nearly = any_of(
            worth(self._fuzzy(field, form, allowed), points)
            for field, form, points in ((spelled, word, 2.0), (of("spelled_stem", self._locale), stem, 1.0))
        )
        return self._found(word, nearly, allowed)

    def _sounding(self, word: str) -> Iterator[Spelling]:
        """What sounds so, and is written nearly so: `elephant` for `elefant`, `stationery` for `stationary`."""
        sound = self._language.sound(word)
        is_none = self._language.is_word(word) is False
        shortest, most = (_SHORTEST_SOUNDING, 2) if is_none else (_SHORTEST_HOMOPHONE, 1)
        if len(word) < shortest or len(sound) < _SHORTEST_SOUND:
            return
        alike = term(self._schema, of("sound", self._locale), sound)
        for _score, address in self._searcher.search(alike, _MOST_NEAR, count=False).hits:
            document = self._searcher.doc(address)
            other = str(document.get_first(of("spelled", self._locale)))
            if (edits := edits_between(word, other, most)) <= most:
                its = self._stem(other)
                documents = self._frequencies.of_stem(its)
                yield Spelling(other, its, edits, documents, documents, _written(document, self._locale, other))

    def _found(self, word: str, nearly: tantivy.Query, allowed: int) -> list[Spelling]:
        stem = self._stem(word)
        spelled = of("spelled", self._locale)
        is_word = self._language.is_word(word)
        found: list[Spelling] = []
        for _score, address in self._searcher.search(nearly, _MOST_NEAR, count=False).hits:
            document = self._searcher.doc(address)
            other = str(document.get_first(spelled))
            its = self._stem(other)
            # Another form of the same word would find the same.
            if its == stem or self._language.is_filler(other) or not may_be_meant(word, other, stem, its, is_word):
                continue
            if documents := self._frequencies.of_stem(its):
                apart = edits_between(word, other, allowed)
                edits = min(apart, edits_between(stem, its, allowed))
                once = [pair for pair in ((word, other), (stem, its)) if edits_between(*pair, 1) == 1]
                likely = max((likeliness(*pair) for pair in once), default=1)
                likelihood = documents * likely * (_AS_WRITTEN if apart == edits else 1)
                written = _written(document, self._locale, other)
                found.append(Spelling(other, its, edits, likelihood, documents, written))
        return found

    def _first_there(self, word: str, near: Iterable[Spelling]) -> Spelling | None:
        ordered = sorted(near, key=lambda one: _nearest_first(word, one))
        return next((one for one in ordered if self._frequencies.finds(Way((one.stem,)))), None)

    def _fuzzy(self, field: str, form: str, allowed: int) -> tantivy.Query:
        return tantivy.Query.fuzzy_term_query(self._schema, field, form, allowed)


def _nearest_first(word: str, other: Spelling) -> tuple[bool, int, int, str]:
    """Of stems that are as near the likelier one: `runing` is `running`, and not `rules`, although `rune` is one letter
    away from `rule`."""
    return not begins_alike(word, other.word), other.edits, -other.likelihood, other.word
