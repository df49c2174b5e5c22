"""Marks in a text what was found in it: as pieces of the text, never as markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from stoa.ports.search import Piece
from stoa.services.search.index.fields import Shown
from stoa.services.search.index.words import Language, Place, behind_elision, places_like, places_of

AROUND = 80
"""Characters shown before and behind the first mark in a description."""
_LOOKED_AT = 5_000
"""Characters of a description."""


def highlights(shown: Shown, wanted: Sequence[AbstractSet[str]], language: Language) -> Mapping[str, Sequence[Piece]]:
    """By field, for those with a mark. A name that has one of each of the wanted stems says why it was found; otherwise
    the description is looked at too."""
    stems = frozenset(stem for one in wanted for stem in one)
    found: dict[str, Sequence[Piece]] = {}
    if marks := _marks(shown.name, stems, language):
        found["name"] = _pieces(shown.name, marks, 0, len(shown.name))
        if len(marks) >= len(wanted):
            there = {language.stem(mark.word) for mark in marks}
            if all(one & there for one in wanted):
                return found
    description = shown.description[:_LOOKED_AT]
    if marks := _places(description, stems, language):
        start, end = _cut(description, marks[0])
        found["description"] = _pieces(description, marks, start, end)
    return found


def _marks(name: str, stems: AbstractSet[str], language: Language) -> list[Place]:
    if marks := _places(name, stems, language):
        return marks
    places = list(places_of(name))
    # Of a word that has an article before its apostrophe, what is behind that was asked for.
    if marks := [place for place in places if _has_behind(name[place.start : place.end], stems, language)]:
        return marks
    # One word was asked for that is two here.
    return [
        place
        for first, second in pairwise(places)
        if language.stem(first.word + second.word) in stems
        for place in (first, second)
    ]


def _has_behind(word: str, stems: AbstractSet[str], language: Language) -> bool:
    return any(language.stem(one) in stems for one in behind_elision(word))


def _places(text: str, stems: AbstractSet[str], language: Language) -> list[Place]:
    return [place for place in places_like(text, stems) if language.stem(place.word) in stems]


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
