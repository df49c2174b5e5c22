"""Reads what a shopper wrote. It is no language: there are words, "words side by side", and words that must -not be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from stoa.ports.search import MOST_TEXT, MOST_WORDS
from stoa.services.search.index.words import Language, compact, places_of

# A minus counts at the beginning of a word alone: `t-light` has none.
_PART = re.compile(r'(?:(?<!\S)(?P<minus>-))?(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]+))')

# Telephones and word processors write these by themselves.
_TYPED = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"') | {"\u2212": "-"})


@dataclass(frozen=True)
class Word:
    """A word, its stem, and where in the text it stands."""

    word: str
    stem: str
    start: int
    end: int


@dataclass(frozen=True)
class Part:
    """What stands between spaces, or between quotes. `code` is what it would be as a SKU."""

    words: tuple[Word, ...]
    code: str = ""
    quoted: bool = False

    @property
    def stems(self) -> tuple[str, ...]:
        return tuple(word.stem for word in self.words)


@dataclass(frozen=True)
class Reading:
    text: str
    parts: Sequence[Part] = ()
    without: Sequence[Part] = field(default=())
    open_ended: bool = False
    """Whether the text ends with a word: more of it may come."""

    @property
    def says_something(self) -> bool:
        return bool(self.parts or self.without)


def read(text: str, language: Language) -> Reading:
    text = text[:MOST_TEXT].translate(_TYPED)
    parts: list[Part] = []
    without: list[Part] = []
    left = MOST_WORDS
    for found in _PART.finditer(text):
        group = "quoted" if found["quoted"] is not None else "plain"
        offset = found.start(group)
        words = tuple(
            Word(place.word, language.stem(place.word), offset + place.start, offset + place.end)
            for place in places_of(found[group])
        )[:left]
        if not words:
            continue
        left -= len(words)
        quoted = group == "quoted"
        (without if found["minus"] else parts).append(
            Part(words, "" if quoted else compact(found[group]), quoted and len(words) > 1)
        )
    return Reading(text, parts, without, text[-1:].isalnum())


def replaced(text: str, instead: Sequence[tuple[Word, str]]) -> str:
    """The text with other words in some places."""
    for word, other in sorted(instead, key=lambda pair: -pair[0].start):
        text = text[: word.start] + other + text[word.end :]
    return text
