"""The words of whole languages, whether a shop has them or not: who writes one of them hardly meant another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from operator import itemgetter

from spellchecker import SpellChecker

from stoa.kit.folding import fold

_WELL_KNOWN = 30_000
"""The most frequent ones. Of the rest many are names, or so rare that they are rather misspelled."""


@cache
def words_of_language(code: str) -> Mapping[str, bool | None]:
    """True for each word that is well known, None for others, without case, accents and apostrophes; nothing where
    there is no dictionary.

    Read when the first word is looked up, which takes up to two seconds, and 20 MB for English.
    """
    if code not in SpellChecker.languages():
        return {}
    counted = sorted(SpellChecker(language=code).word_frequency.items(), key=itemgetter(1))
    words = (fold(word.replace("'", "")) for word, _count in counted)
    rare = len(counted) - _WELL_KNOWN
    return {word: True if at >= rare else None for at, word in enumerate(words) if word.isalpha()}
