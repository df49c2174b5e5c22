"""Marks in a text what was found in it: as pieces of the text, never as markup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from stoa.ports.search import Piece
from stoa.services.search.index.fields import Shown
from stoa.services.search.index.words import (
    Language,
    Place,
    behind_elision,
    ends_of,
    has_digits,
    places_beginning,
    places_of,
    runs_of,
)

AROUND = 80
"""Characters shown before and behind the first mark in a description."""
_LOOKED_AT = 5_000
"""Characters of a description."""


class Marker:
    """Of one search, which wants a word of each of these sets of stems."""

    def __init__(self, wanted: Sequence[AbstractSet[str]], language: Language) -> None:
        self._wanted = wanted
        self._language = language
        self._stems = frozenset(stem for one in wanted for stem in one)
        self._beginnings = frozenset(begin for stem in self._stems for begin in language.beginnings(stem))

    def highlights(self, shown: Shown) -> Mapping[str, Sequence[Piece]]:
        """By field, for those with a mark. A name that has one of each of the wanted stems says why it was found;
        otherwise the description is looked at too."""
        found: dict[str, Sequence[Piece]] = {}
        if marks := self._in_name(shown.name):
            found["name"] = _pieces(shown.name, marks, 0, len(shown.name))
            if len(marks) >= len(self._wanted):
                there = {stem for mark in marks for stem in self._stems_of(mark.word)}
                if all(one & there for one in self._wanted):
                    return found
        description = shown.description[:_LOOKED_AT]
        if marks := self._places(description):
            start, end = _cut(description, marks[0])
            found["description"] = _pieces(description, marks, start, end)
        return found

    def _in_name(self, name: str) -> list[Place]:
        if marks := self._numbered(name) if has_digits(name) else self._places(name):
            return marks
        places = list(places_of(name))
        # Of a word that has an article before its apostrophe, what is behind that was asked for.
        if marks := [place for place in places if self._has_behind(name[place.start : place.end])]:
            return marks
        return self._paired(places)

    def _numbered(self, name: str) -> list[Place]:
        """Of a model number a part may have been asked for."""
        places = list(places_of(name))
        marked = {place for place in places if not self._stems.isdisjoint(self._stems_of(place.word))}
        marked.update(self._paired(places))
        return [place for place in places if place in marked]

    def _paired(self, places: Sequence[Place]) -> list[Place]:
        """One word was asked for that is two here."""
        pairs = (
            (one, other) for one, other in pairwise(places) if self._language.stem(one.word + other.word) in self._stems
        )
        return [place for pair in pairs for place in pair]

    def _stems_of(self, word: str) -> Iterator[str]:
        """Those by which it is found in a name."""
        runs = runs_of(word)
        return map(self._language.stem, (word, *ends_of([word]), *(runs if len(runs) > 1 else ())))

    def _has_behind(self, word: str) -> bool:
        return any(self._language.stem(one) in self._stems for one in behind_elision(word))

    def _places(self, text: str) -> list[Place]:
        places = places_beginning(text, self._beginnings) if text.isascii() else places_of(text)
        return [place for place in places if self._language.stem(place.word) in self._stems]


def _cut(text: str, mark: Place) -> tuple[int, int]:
    """The part around a mark, from a space to a space where there is one."""
    start, end = max(0, mark.start - AROUND), min(len(text), mark.end + AROUND)
    if start:
        start = text.find(" ", start, mark.start) + 1 or start
    if end < len(text):
        space = text.rfind(" ", mark.end, end)
        end = space if space >= 0 else end
    return start, end


def _pieces(text: str, marks: Sequence[Place], start: int, end: int) -> list[Piece]:
    pieces: list[Piece] = []
    at = start
    for mark in marks:
        if mark.start < at or mark.end > end:
            continue
        pieces.extend((Piece(text[at : mark.start]), Piece(text[mark.start : mark.end], marked=True)))
        at = mark.end
    pieces.append(Piece(text[at:end]))
    return [piece for piece in pieces if piece.text]
