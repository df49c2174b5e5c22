"""How text becomes words, and words become stems: the same for what is indexed and for what is asked.

Case and accents do not matter, nor does an apostrophe within a word: `Poppy's` is `poppys`, and `l'été` is `lete` and,
in what is indexed, `ete`, too. What is neither letter nor digit stands between words. Each Chinese character and each
Japanese one is a word, since nothing stands between theirs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from stoa.kit.folding import fold
from stoa.services.search.index.dictionaries import words_of_language
from stoa.services.search.index.english import INSTEAD, as_one
from stoa.services.search.index.sounds import sound_of

LONGEST = 40
"""Of a word: the rest of it is not looked at."""

_ALONE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PART = rf"[^\W_{_ALONE}][\u0300-\u036f]*"
_WORD = re.compile(rf"[{_ALONE}]|(?:{_PART})+(?:['’](?:{_PART})+)*")
_BEHIND_ELISION = re.compile(rf"(?<!\w)(?:[cdjlmnst]|qu|un|d?all|dell|nell|sull)['’]((?:{_PART})+)", re.IGNORECASE)
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
_DIGIT = re.compile(r"\d")
_RUN = re.compile(r"\d+|\D+")

LANGUAGES = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nb": "norwegian",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""Those with a stemmer, by the first part of a locale. Words of any other are their own stems."""
_WITH_STOP_WORDS = {
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "russian",
    "spanish",
    "swedish",
}

_WITH_COMPOUNDS = {"danish", "dutch", "german", "norwegian", "swedish"}
"""Where several words are written as one, of which the last says what it is: a `Kinderfahrrad` is a `Fahrrad`."""

_JOINTS = ("", "s", "n", "es", "en")
"""What may stand behind a word of a compound that another follows."""
_LOST = ("", "e", "en")
"""And what such a word may have lost: an `Esstisch` is for `Essen`, `Erdbeermarmelade` of `Erdbeeren`."""

BEGINNING = 3
"""Letters that a word shares with its stem."""


class Place(NamedTuple):
    """A word and where in its text it stands."""

    word: str
    start: int
    end: int


def words_of(text: str) -> list[str]:
    if text.isascii():
        return [word.replace("'", "")[:LONGEST] for word in _ASCII_WORD.findall(text.lower())]
    return [place.word for place in places_of(text)]


def behind_elision(text: str) -> list[str]:
    """The words behind one that has lost its vowel to them: `été` of `l'été`, which is a word as it stands, too."""
    if "'" not in text and "’" not in text:
        return []
    return [word for found in _BEHIND_ELISION.finditer(text) for word in words_of(found[1])]


def places_of(text: str) -> Iterator[Place]:
    if text.isascii():
        for found in _ASCII_WORD.finditer(text.lower()):
            yield Place(found[0].replace("'", "")[:LONGEST], *found.span())
        return
    for found in _WORD.finditer(text.replace("×", "x")):
        # What folds into several characters may bring some that are neither letters nor digits.
        word = "".join(letter for letter in fold(found[0]) if letter.isalnum())[:LONGEST]
        if word:
            yield Place(word, found.start(), found.end())


def places_beginning(text: str, beginnings: Collection[str]) -> Iterator[Place]:
    """The words of a text in ASCII that begin like one of these, in their order: all but a few of a long text do not,
    and are not looked at."""
    lower = text.lower()
    places: dict[int, Place] = {}
    for beginning in beginnings:
        at = lower.find(beginning)
        while at >= 0:
            if not (at and (lower[at - 1].isalnum() or lower[at - 1] == "'")) and (
                found := _ASCII_WORD.match(lower, at)
            ):
                places[at] = Place(found[0].replace("'", "")[:LONGEST], *found.span())
            at = lower.find(beginning, at + 1)
    yield from (places[at] for at in sorted(places))


def compact(text: str) -> str:
    """A code as it is compared: `AB-12/x` is `ab12x`."""
    return "".join(letter for letter in fold(text) if letter.isalnum())[: 2 * LONGEST]


class Language:
    """The stems of one locale's words."""

    def __init__(self, locale: str) -> None:
        self._code = re.split("[-_]", locale.lower())[0]
        name = LANGUAGES.get(self._code)
        self.has_compounds = name in _WITH_COMPOUNDS
        self._stemmer = _built(Filter.stemmer(name)) if name else None
        self._fillers = _built(Filter.stopword(name)) if name in _WITH_STOP_WORDS else None
        self.stem = lru_cache(maxsize=100_000)(self._stem)
        """Kept, since the words of a shop are few beside its texts."""
        self.is_compound = lru_cache(maxsize=100_000)(self._is_compound)
        self.begins_compound = lru_cache(maxsize=100_000)(self._begins_compound)
        self._begin_otherwise = {self.stem(one): one for one in INSTEAD} if self._code == "en" else {}

    def stems(self, text: str) -> list[str]:
        return [self.stem(word) for word in words_of(text)]

    def is_filler(self, word: str) -> bool:
        """Whether it is one of the words that a text may as well be without: `of`, `the`."""
        return self._fillers is not None and not self._fillers.analyze(word)

    def is_word(self, word: str) -> bool | None:
        """Whether it is one of the language; None where that is doubtful."""
        known = words_of_language(self._code)
        return known.get(word, False) if known else None

    def sound(self, word: str) -> str:
        """The same for words that sound alike; nothing where that is not known."""
        return sound_of(word, self._code)

    def ends_of_compound(self, word: str) -> Iterator[str]:
        """The words of the language, or compounds, that it ends with, behind others."""
        for at in range(BEGINNING, len(word) - BEGINNING):
            end = word[at:]
            if self.begins_compound(word[:at]) and (self.is_word(end) is not False or self.is_compound(end)):
                yield end

    def _is_compound(self, word: str) -> bool:
        """Whether it is words of the language written as one: no dictionary has all of them."""
        return self.has_compounds and self.is_word(word) is False and any(self.ends_of_compound(word))

    def _begins_compound(self, text: str) -> bool:
        """Whether it is words of the language, one behind the other, with something or nothing between. Where there is
        no dictionary it may be."""
        for joint in _JOINTS:
            one = text.removesuffix(joint)
            if one + joint != text or len(one) < BEGINNING:
                continue
            if self._joins(one) or any(
                self._joins(one[at:]) and self.begins_compound(one[:at])
                for at in range(BEGINNING, len(one) - BEGINNING + 1)
            ):
                return True
        return False

    def _joins(self, word: str) -> bool:
        return any(self.is_word(word + lost) is not False for lost in _LOST)

    def beginnings(self, stem: str) -> set[str]:
        """By which of them a word with the stem begins."""
        return {stem[:BEGINNING], self._begin_otherwise.get(stem, stem)[:BEGINNING]}

    def _stem(self, word: str) -> str:
        if self._stemmer is None or word.isdigit():
            return word
        stemmed = self._stemmer.analyze(as_one(word) if self._code == "en" else word)
        return stemmed[0] if stemmed and stemmed[0] else word


def _built(change: Filter) -> TextAnalyzer:
    return TextAnalyzerBuilder(Tokenizer.whitespace()).filter(change).build()


def numbers_of(words: Sequence[str]) -> list[str]:
    """Model numbers that are written apart as one word, so that they are completed: `sms928b` of `SM-S928B`."""
    pairs = (pair for pair in pairwise(words) if len(pair[0]) <= BEGINNING and len(runs_of(pair[1])) > 1)
    return [first + second for first, second in pairs]


def joined(words: Sequence[str]) -> list[str]:
    """Each two neighbors as one word: who writes `teatowel` finds a `tea towel`."""
    return [first + second for first, second in pairwise(words)]


@lru_cache(maxsize=100_000)
def runs_of(word: str) -> tuple[str, ...]:
    """The letters and the digits of a word apart, as somebody writes a model number who knows it by heart: `wh1000xm5`
    is `wh 1000 xm 5`. One where it is nothing but letters, or digits."""
    return tuple(_RUN.findall(word))


def has_digits(text: str) -> bool:
    return _DIGIT.search(text) is not None


def apart(words: Sequence[str]) -> list[str]:
    """All of the words with their runs apart; none where no word has both letters and digits."""
    if not has_digits(" ".join(words)):
        return []
    runs = [run for word in words for run in runs_of(word)]
    return runs if len(runs) > len(words) else []


def ends_of(words: Sequence[str]) -> list[str]:
    """What is left of model numbers without what they begin with: `1000xm5` and `xm5` of `wh1000xm5`."""
    return ["".join(runs[at:]) for runs in map(runs_of, words) for at in range(1, len(runs) - 1)]
