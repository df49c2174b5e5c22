"""The words of whole languages, whether a shop has them or not: who writes one of them hardly meant another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from operator import itemgetter

from spellchecker import SpellChecker

from stoa.kit.folding import fold

_WELL_KNOWN = 30_000
"""Whatever is as frequent as the last of so many is well known. Of the rest many are names, or so rare that they are
rather misspelled. German and Spanish words are counted too coarsely for that, and all are well known."""


@cache
def words_of_language(code: str) -> Mapping[str, bool | None]:
    """True for each word that is well known, None for others, without case, accents and apostrophes; nothing where
    there is no dictionary.

    Read when the first word is looked up, which takes up to two seconds, and 20 MB for English.
    """
    if code not in SpellChecker.languages():
        return {}
    counted = sorted(SpellChecker(language=code).word_frequency.items(), key=itemgetter(1))
    _word, often = counted[-min(_WELL_KNOWN, len(counted))]
    words = ((fold(word.replace("'", "")), count) for word, count in counted)
    return {word: True if count >= often else None for word, count in words if word.isalpha()}
