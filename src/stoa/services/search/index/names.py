"""The names of brands and categories by their words, in memory: they are few, and each suggestion asks for some."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import tantivy

from stoa.services.search.index.fields import path_and_name
from stoa.services.search.index.words import words_of


class Named:
    """The values of a field, the most frequent first, with their names."""

    def __init__(self, values: Sequence[str], name_of: Callable[[str], str]) -> None:
        self._values = values
        self._words = [words_of(name_of(value)) for value in values]
        self._by_word = sorted({(word, at) for at, words in enumerate(self._words) for word in words})

    def begun(self, beginning: str) -> Iterator[tuple[str, Sequence[str]]]:
        """Those with a word that begins like this, and all words of each."""
        found: set[int] = set()
        for word, at in self._by_word[bisect_left(self._by_word, (beginning, -1)) :]:
            if not word.startswith(beginning):
                break
            found.add(at)
        for at in sorted(found):
            yield self._values[at], self._words[at]


class Names:
    """As of the last commit that brought a name: one that nobody has any more may be among them."""

    def __init__(self, searcher: tantivy.Searcher, locales: Sequence[str]) -> None:
        self.brands = Named(_values(searcher, "brand"), lambda brand: brand)
        categories = _values(searcher, "category")
        self.categories = {locale: Named(categories, partial(_category_name, locale)) for locale in locales}
        """By locale."""


def _values(searcher: tantivy.Searcher, field: str) -> list[str]:
    return [value for value, _ in searcher.terms_with_prefix(field, "")]


def _category_name(locale: str, key: str) -> str:
    return path_and_name(key, locale)[1]
