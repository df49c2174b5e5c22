"""Whether a word is misspelled, and which other may have been meant: by their letters, and by whether it is a word of
its language. Pure.

A word that nobody has is not just any that is near: a shop without bikes has Nike, one without milk silk.
"""

from __future__ import annotations

from jellyfish import damerau_levenshtein_distance

_TWO_EDITS_FROM = 7
"""Letters."""
_SHORT, _SHORTEST = 4, 3
"""Letters: nearly every short word is one letter away from another, which is no reason to think that it was meant."""
_DOUBLED, _SWAPPED, _VOWEL, _LEFT_OUT, _ADDED, _BEGINNING, _OTHER = 17, 16, 4, 4, 2, 2, 1
"""How much more likely than another letter in place of one it is that one is doubled or is not, that two change places,
that a vowel stands for another, that one is left out or added, that the first two change places."""
_SLIP = min(_DOUBLED, _SWAPPED)
"""Of these nobody needs another reason to be believed."""
_ENDING = 2
"""Letters by which forms of a word differ."""
_ENDINGS = "sxen"
"""Letters that plurals end with."""
_VOWELS = frozenset("aeiouy")
_SOUNDS = ("aeiou", "ckq", "csz", "gj", "iy", "vwf")
"""Letters that words may begin with and sound alike: a `kamera`."""


def may_be_meant(word: str, other: str, stem: str, its: str, is_word: bool | None) -> bool:
    """Whether somebody who writes a word that the shop has not may have meant this one, which is near it; else he means
    what he writes.

    `stem` and `its` are theirs, since he may mean another form of it. `is_word` says whether the word is one of its
    language, None that this is doubtful.
    """
    if is_word:
        return _is_doubled(word, other) or _is_plural_of(word, other) or _ends_as_plural(stem, its)
    is_near = _is_near_enough(word, other) if is_word is None else _is_near(word, other)
    return is_near or _is_form(stem, its)


def most_edits(word: str) -> int:
    """That a word may be away from another."""
    return 2 if len(word) >= _TWO_EDITS_FROM else 1


def _is_near(written: str, meant: str) -> bool:
    """Of what is no word."""
    edits = edits_between(written, meant, 2)
    if edits > 2 or not _begins_like(written, meant):
        return False
    if edits == 2:
        return _is_long_enough(written, meant)
    return len(written) > _SHORTEST or len(meant) > len(written) or is_slip(written, meant)


def _is_near_enough(written: str, meant: str) -> bool:
    """Of what may be a word: a rare one, or where there is no dictionary."""
    edits = edits_between(written, meant, 2)
    if edits > 2 or not _begins_like(written, meant):
        return False
    letters, longer = len(written), len(meant) - len(written)
    if edits == 2:
        return _is_long_enough(written, meant)
    if letters >= _TWO_EDITS_FROM or is_slip(written, meant):
        return True
    if letters <= _SHORT:
        return letters > _SHORTEST and _is_likely(written, meant)
    return longer >= 0 or _is_ending(written, meant) or _is_umlaut(written, meant)


def _is_long_enough(written: str, meant: str) -> bool:
    """For two edits; to have lost two letters a word may be shorter."""
    return len(written) > _TWO_EDITS_FROM or (len(written) == _TWO_EDITS_FROM and len(meant) == len(written) + 2)


def _is_form(written: str, meant: str) -> bool:
    """Of stems: near, and by what is most often lost."""
    if edits_between(written, meant, 1) != 1 or not _begins_like(written, meant):
        return False
    likely = _is_likely(written, meant) or _ends_as_plural(written, meant)
    return is_slip(written, meant) or (len(written) > _SHORTEST and likely)


def is_slip(written: str, meant: str) -> bool:
    """Whether a letter is doubled or is not, or two change places, in words that are one edit apart."""
    return _begins_like(written, meant) and likeliness(written, meant) >= _SLIP


def _is_likely(written: str, meant: str) -> bool:
    return likeliness(written, meant) >= min(_VOWEL, _LEFT_OUT) or _is_ending(written, meant)


def _is_doubled(written: str, meant: str) -> bool:
    """`chili` for `chilli`; of short words that makes others."""
    return len(written) > _SHORTEST and edits_between(written, meant, 1) == 1 and likeliness(written, meant) == _DOUBLED


def _is_plural_of(written: str, meant: str) -> bool:
    """`bateaux` of `bateau`: stemmers leave some apart."""
    return written[:-1] == meant and written[-1] in "sx" and meant[-1] != "s"


def _ends_as_plural(written: str, meant: str) -> bool:
    """Of stems: `scarv` of `scarves`, and `scarf`."""
    return written[0] == meant[0] and written.replace("v", "f") == meant.replace("v", "f")


def _begins_like(written: str, meant: str) -> bool:
    """Alike, or as it sounds, or without the first of a longer word."""
    return (
        begins_alike(written, meant) or _sounds_like(written, meant) or (len(written) > _SHORT and written == meant[1:])
    )


def _sounds_like(written: str, meant: str) -> bool:
    return written[1:] == meant[1:] and any(written[0] in letters and meant[0] in letters for letters in _SOUNDS)


def begins_alike(written: str, meant: str) -> bool:
    """With the same letter, or with the first two in another order."""
    return written[0] == meant[0] or written[:2] == meant[1::-1]


def _is_ending(written: str, meant: str) -> bool:
    return written[:-1] == meant and written[-1] in _ENDINGS


def _is_umlaut(written: str, meant: str) -> bool:
    """`gruen` for `grün`, which is `grun` in the index."""
    at = _first_difference(written, meant)
    return at > 0 and written[at] == "e" and written[at - 1] in "aou"


def differ_by_ending(one: str, other: str) -> bool:
    """By at most two letters, or as `berry` does from `berries`; `earing` is no ending of `ear`."""
    same = _first_difference(one, other)
    return all(len(word) - same <= _ENDING or word[same:] == "ies" for word in (one, other))


def _first_difference(one: str, other: str) -> int:
    """At which letter; where one begins with the other, behind that."""
    letters = enumerate(zip(one, other, strict=False))
    return next((at for at, (here, there) in letters if here != there), min(len(one), len(other)))


def likeliness(written: str, meant: str) -> int:
    """How likely it is that one is written for the other, which is one edit away."""
    shorter, longer = sorted((written, meant), key=len)
    at = _first_difference(shorter, longer)
    if len(shorter) == len(longer):
        if shorter[at : at + 2] == longer[at : at + 2][::-1]:
            return _SWAPPED if at else _BEGINNING
        return _VOWEL if {*shorter[at : at + 1], *longer[at : at + 1]} <= _VOWELS else _OTHER
    if at and longer[at] == longer[at - 1]:
        return _DOUBLED
    return _LEFT_OUT if longer is meant else _ADDED


def edits_between(one: str, other: str, most: int) -> int:
    """How many letters are to be changed, added, left out, or swapped with their neighbor; `most` + 1 for more."""
    return min(damerau_levenshtein_distance(one, other), most + 1)
