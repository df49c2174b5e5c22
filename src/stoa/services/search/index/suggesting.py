"""What the beginning of a search may become."""

from __future__ import annotations

import tantivy

from stoa.ports.search import Category, Suggested, SuggestedProduct
from stoa.services.search.index.fields import BETWEEN, Fields, of, term
from stoa.services.search.index.matching import MUST, SHOULD
from stoa.services.search.index.reading import Reading, Word, read, replaced
from stoa.services.search.index.searching import card_of
from stoa.services.search.index.words import compact, words_of

_COMPLETIONS = 30
_LOOKED_AT = 100
"""Brands and categories, the most frequent of what matches."""


def suggest(searcher: tantivy.Searcher, fields: Fields, prefix: str, locale: str, limit: int) -> Suggested:
    locale = fields.known(locale)
    reading = read(prefix, fields.languages[locale])
    if not _words(reading) or limit < 1:
        return Suggested()
    return _Suggesting(searcher, fields, locale, reading).run(limit)


def _words(reading: Reading) -> list[Word]:
    return [word for part in reading.parts for word in part.words]


class _Suggesting:
    def __init__(
        self,
        searcher: tantivy.Searcher,
        fields: Fields,
        locale: str,
        reading: Reading,
    ) -> None:
        self._searcher = searcher
        self._schema = fields.schema
        self._locale = locale
        self._language = fields.languages[locale]
        self._reading = reading
        *self._before, self._last = _words(reading)

    def run(self, limit: int) -> Suggested:
        before = [term(self._schema, of("stems", self._locale), word.stem) for word in self._before]
        given = tantivy.Query.boolean_query([(MUST, query) for query in before]) if before else None
        completions = self._searcher.terms_with_prefix(
            of("words", self._locale), self._last.word, filter_query=given, limit=_COMPLETIONS
        )
        stems = dict.fromkeys([self._last.stem, *(self._language.stem(word) for word, _ in completions)])
        last = [term(self._schema, of("stems", self._locale), stem) for stem in stems]
        last.extend(self._codes())
        matches = tantivy.Query.boolean_query(
            [(MUST, tantivy.Query.boolean_query([(SHOULD, query) for query in last])), *((MUST, one) for one in before)]
        )
        brands, categories = self._named(matches)
        return Suggested(
            products=self._products(matches, limit),
            texts=[replaced(self._reading.text, [(self._last, word)]) for word, _ in completions[:limit]],
            categories=categories[:limit],
            brands=brands[:limit],
        )

    def _codes(self) -> list[tantivy.Query]:
        code = compact(self._reading.text)
        begun = self._searcher.terms_with_prefix("code", code, limit=_COMPLETIONS) if len(code) > 2 else []
        return [term(self._schema, "code", one) for one, _ in begun]

    def _products(self, matches: tantivy.Query, limit: int) -> list[SuggestedProduct]:
        hits = self._searcher.search(
            tantivy.Query.const_score_query(matches, 1.0), limit, count=False, weight_by_field="worth"
        ).hits
        documents = [self._searcher.doc(address) for _, address in hits]
        return [SuggestedProduct(str(one.get_first("id")), card_of(one)) for one in documents]

    def _named(self, matches: tantivy.Query) -> tuple[list[str], list[Category]]:
        """Brands and categories of what matches, as far as they have the words themselves."""
        terms = {"size": _LOOKED_AT, "segment_size": 10 * _LOOKED_AT}
        counted = self._searcher.aggregate(
            matches, {field: {"terms": {"field": field, **terms}} for field in ("brand", "category")}
        )
        brands = [bucket["key"] for bucket in counted["brand"]["buckets"] if self._is_meant(bucket["key"])]
        categories = [
            Category(path.rpartition("/")[2], name)
            for path, _, name in (bucket["key"].partition(BETWEEN) for bucket in counted["category"]["buckets"])
            if self._is_meant(name)
        ]
        return brands, categories

    def _is_meant(self, name: str) -> bool:
        words = words_of(name)
        stems = {self._language.stem(word) for word in words}
        return all(word.stem in stems for word in self._before) and any(
            word.startswith(self._last.word) for word in words
        )
