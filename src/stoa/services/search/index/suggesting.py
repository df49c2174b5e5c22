"""What the beginning of a search may become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tantivy

from stoa.ports.search import Category, Suggested, SuggestedProduct
from stoa.services.search.index.fields import Fields, of, path_and_name
from stoa.services.search.index.queries import all_of, any_of, begins, count_of, finds, term, worth
from stoa.services.search.index.reading import Reading, Word, read, replaced
from stoa.services.search.index.searching import Opened, card_of
from stoa.services.search.index.spelling import Speller
from stoa.services.search.index.understanding import SHORTEST_CODE
from stoa.services.search.index.words import compact

_COMPLETIONS = 30

Hits = list[tuple[Any, tantivy.DocAddress]]


def suggest(opened: Opened, fields: Fields, prefix: str, locale: str, limit: int) -> Suggested:
    locale = fields.known(locale)
    question = prefix, locale, limit
    if (kept := opened.suggested.get(question)) is not None:
        return kept
    language = fields.languages[locale]
    reading = read(prefix, language)
    if not _words(reading) or limit < 1:
        return Suggested()
    suggesting = _Suggesting(opened, fields, locale, reading)
    found = suggesting.run(limit)
    if not _says_something(found) and (respelled := suggesting.respelled()) is not None:
        found = _Suggesting(opened, fields, locale, read(respelled, language)).run(limit)
    return opened.suggested.put(question, found)


def _words(reading: Reading) -> list[Word]:
    return [word for part in reading.parts for word in part.words]


def _says_something(found: Suggested) -> bool:
    return bool(found.products or found.texts or found.categories or found.brands)


class _Suggesting:
    def __init__(
        self,
        opened: Opened,
        fields: Fields,
        locale: str,
        reading: Reading,
    ) -> None:
        self._opened = opened
        self._searcher = opened.searcher
        self._speller = Speller(opened.searcher, fields, locale)
        self._schema = fields.schema
        self._locale = locale
        self._language = fields.languages[locale]
        self._reading = reading
        *self._before, self._last = _words(reading)

    def run(self, limit: int) -> Suggested:
        before = [term(self._schema, of("stems", self._locale), word.stem) for word in self._before]
        given = all_of(before) if before else None
        completions = self._searcher.terms_with_prefix(
            of("words", self._locale), self._last.word, filter_query=given, limit=_COMPLETIONS
        )
        stems = dict.fromkeys([self._last.stem, *(self._language.stem(word) for word, _ in completions)])
        return Suggested(
            products=self._products([*stems], before, limit),
            texts=self._texts([word for word, _ in completions], limit),
            categories=[
                Category(path.rpartition("/")[2], name)
                for path, name in (path_and_name(each, self._locale) for each in self._named("category", limit))
            ],
            brands=self._named("brand", limit),
        )

    def respelled(self) -> str | None:
        """The text with other words for those that nothing has, and for a last one that nothing begins with."""
        instead: list[tuple[Word, str]] = []
        for word in self._before:
            if not self._searcher.doc_freq(of("stems", self._locale), word.stem):
                spelling = self._speller.spell(word.word)
                instead.extend([(word, spelling.written)] if spelling else [])
        last = self._last.word
        if not self._searcher.terms_with_prefix(of("words", self._locale), last, limit=1):
            spelling = self._speller.spell(last)
            other = spelling.written if spelling else self._speller.begins(last)
            instead.extend([(self._last, other)] if other else [])
        return replaced(self._reading.text, instead) if instead else None

    def _codes(self) -> list[tantivy.Query]:
        """All of the text may be the beginning of one, as a SKU is written: `AB-12`."""
        code = compact(self._reading.text)
        return [begins(self._schema, "code", code)] if len(code) >= SHORTEST_CODE else []

    def _texts(self, completions: Sequence[str], limit: int) -> list[str]:
        """The search with each of the words instead of its last, but for those that it has already."""
        there = {word.stem for word in self._before}
        others = [word for word in completions if self._language.stem(word) not in there][:limit]
        return [replaced(self._reading.text, [(self._last, self._speller.written(word))]) for word in others]

    def _products(self, stems: Sequence[str], before: Sequence[tantivy.Query], limit: int) -> list[SuggestedProduct]:
        """Those that are worth most: first those that are called like it, then those whose category is, say."""
        found: dict[str, SuggestedProduct] = {}
        codes = self._codes()
        for field in ("name", "stems"):
            last = [term(self._schema, of(field, self._locale), stem) for stem in stems]
            matches = any_of([all_of([any_of(last), *before]), *codes])
            for _, address in self._first(matches, limit) or self._ordered(matches, limit):
                document = self._searcher.doc(address)
                id_ = str(document.get_first("id"))
                if len(found) < limit:
                    found.setdefault(id_, SuggestedProduct(id_, card_of(document)))
            if len(found) == limit:
                break
        return [*found.values()]

    def _first(self, matches: tantivy.Query, limit: int) -> Hits | None:
        """Where there are very many, they are looked for among those that are worth something."""
        total = count_of(self._searcher, matches)
        most = self._opened.spreads.worth_most(self._searcher, self._schema, "worth", total, limit)
        if most is None:
            return None
        hits = self._ordered(all_of([matches, most.query]), limit)
        return hits if len(hits) == limit else None

    def _ordered(self, matches: tantivy.Query, limit: int) -> Hits:
        return self._searcher.search(worth(matches, 1.0), limit, count=False, weight_by_field="worth").hits

    def _named(self, field: str, limit: int) -> list[str]:
        """The brands, or categories, that have the words themselves, the most frequent first."""
        names = self._opened.names
        named = names.brands if field == "brand" else names.categories[self._locale]
        found: list[str] = []
        for value, words in named.begun(self._last.word):
            if len(found) == limit:
                break
            stems = {self._language.stem(word) for word in words}
            if all(word.stem in stems for word in self._before) and self._is_there(field, value):
                found.append(value)
        return found

    def _is_there(self, field: str, value: str) -> bool:
        return finds(self._searcher, term(self._schema, field, value))
