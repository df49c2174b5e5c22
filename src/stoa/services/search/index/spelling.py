"""What a word that this shop does not have may have been meant to be.

tantivy finds the documents with a word or a stem that is nearly the same; which one that is, their texts tell. Those of
the documents worth most are looked at, then again without what was found, so that a rare word is found beside a
frequent one. Stems are compared too, since whoever misspells a word may mean another form of it than the shop has.
"""

from __future__ import annotations

from typing import NamedTuple

import tantivy

from stoa.services.search.index.fields import Fields, Shown, of, shown_of, term
from stoa.services.search.index.words import joined, words_of

SHORTEST = 3
"""Nearly every word of two letters is one letter away from another."""
ONE_EDIT_UP_TO = 7
"""Letters; a longer word may differ in two places."""
_ROUNDS = 3
_LOOKED_AT = 10
_OF_DESCRIPTION = 2_000
"""Characters."""


class Spelling(NamedTuple):
    word: str
    stem: str
    edits: int
    documents: int


class Speller:
    """Spells with the words of one searcher."""

    def __init__(self, searcher: tantivy.Searcher, fields: Fields, locale: str) -> None:
        self._searcher = searcher
        self._schema = fields.schema
        self._locale = locale
        self._stem = fields.languages[locale].stem
        self._field = of("stems", locale)

    def spell(self, word: str) -> Spelling | None:
        """The nearest word: of those with as many edits one that begins with the same letter, then the most frequent.

        A word that begins otherwise is taken where nothing else is near at all.
        """
        if len(word) < SHORTEST or not word.isalpha():
            return None
        for allowed in (1, 2) if len(word) > ONE_EDIT_UP_TO else (1,):
            near = self._near(word, allowed)
            if near:
                return min(near, key=lambda one: (one.word[0] != word[0], one.edits, -one.documents, one.word))
        return None

    def split(self, word: str) -> tuple[str, str] | None:
        """Two words of the shop that were written as one; the parts that are both as frequent as can be."""
        best: tuple[int, tuple[str, str]] | None = None
        for at in range(SHORTEST, len(word) - SHORTEST + 1):
            parts = word[:at], word[at:]
            rarer = min(self._documents(self._stem(part)) for part in parts)
            if rarer and (best is None or rarer > best[0]):
                best = rarer, parts
        return best[1] if best else None

    def _near(self, word: str, allowed: int) -> list[Spelling]:
        found: dict[str, Spelling] = {}
        seen: set[str] = set()
        stem = self._stem(word)
        either = [
            (tantivy.Occur.Should, tantivy.Query.fuzzy_term_query(self._schema, field, form, allowed))
            for field, form in ((of("words", self._locale), word), (self._field, stem))
        ]
        nearly = tantivy.Query.const_score_query(tantivy.Query.boolean_query(either), 1.0)
        for _ in range(_ROUNDS):
            left = nearly
            if found:
                had = [(tantivy.Occur.MustNot, term(self._schema, self._field, one)) for one in found]
                left = tantivy.Query.boolean_query([(tantivy.Occur.Must, nearly), *had])
            hits = self._searcher.search(left, _LOOKED_AT, count=False, weight_by_field="worth").hits
            before = len(found)
            for _score, address in hits:
                for other in self._written(shown_of(self._searcher.doc(address), self._locale), word, allowed, seen):
                    found.setdefault(other.stem, other)
            if len(found) == before:
                break
        return list(found.values())

    def _written(self, shown: Shown, word: str, allowed: int, seen: set[str]) -> list[Spelling]:
        """The words of a document that are near; those of its description if there is none of them in its name."""
        stem = self._stem(word)
        name = words_of(shown.name)
        near: list[Spelling] = []
        for words in ([*name, *words_of(shown.labels), *joined(name)], words_of(shown.description[:_OF_DESCRIPTION])):
            for other in {*words} - seen:
                seen.add(other)
                its = self._stem(other)
                edits = edits_between(word, other, allowed)
                if (stem, its) != (word, other):
                    edits = min(edits, edits_between(stem, its, allowed))
                if edits <= allowed:
                    near.append(Spelling(other, its, edits, self._documents(its)))
            if near:
                break
        return near

    def _documents(self, stem: str) -> int:
        return self._searcher.doc_freq(self._field, stem)


def edits_between(one: str, other: str, most: int) -> int:
    """How many letters are to be changed, added, left out, or swapped with their neighbor; `most` + 1 for more."""
    # An edit changes at most two of the letters that there are: most words are told apart by that alone.
    if abs(len(one) - len(other)) > most or len(set(one) ^ set(other)) > 2 * most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i] + [0] * len(other)
        for j, against in enumerate(other, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                row[j] = min(row[j], last[j - 2] + 1)
        if min(row) > most:
            return most + 1
    return row[-1]
