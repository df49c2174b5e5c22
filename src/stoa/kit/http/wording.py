"""What a pattern asks for, in words: nobody who sends a body reads regular expressions, and those of texts are long.
And which values there are, where one of a few is asked for, or which members, where one is misspelled."""

from __future__ import annotations

import re
from typing import Any

from stoa.kit import text
from stoa.kit.http import types
from stoa.kit.http.choices import choices_at, example_at, members_at
from stoa.kit.nearest import choose

_SMALL = "small letters and digits, with a hyphen between words"


def _pattern(annotated: Any) -> str:
    pattern: str = annotated.__metadata__[0].pattern
    return pattern


_WORDS = {
    text.LINE: "one line of text, without characters that do not show",
    text.FILLED_LINE: "one line of text with something to read in it, and without characters that do not show",
    text.LINES: "text without characters that do not show",
    _pattern(types.Id): "a UUID",
    _pattern(types.Sku): "letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
    _pattern(types.Slug): _SMALL,
    _pattern(types.GroupName): _SMALL,
    _pattern(types.Email): "an e-mail address",
    _pattern(types.Phone): "a telephone number: digits, spaces and + ( ) . / -",
    _pattern(types.WebUrl): "https://… with a host's name",
    _pattern(types.MediaUrl): "https://… with a host's name, or a file of the shop's own: /media/…",
}
_SAID = {repr(pattern): words for pattern, words in _WORDS.items()}
_REFUSED = re.compile(r"Expected `str` matching regex (?P<pattern>.*)", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<member>.*)`", re.DOTALL)
_NO_YES = re.compile(r"Expected `bool(?: \| null)?`, got `\w+`")
_NO_TIME = {
    "Invalid RFC3339 encoded date": "Expected a day as 2026-02-28",
    "Invalid RFC3339 encoded datetime": "Expected a day and a time as 2026-02-28T09:30:00Z",
}
MOST_CHOICES = 40
"""As one reads through; of countries there are more."""


def worded(what: str, shape: Any, path: str) -> str:
    """What msgspec says of what does not fit at this place of a `shape`: without the pattern where there are
    words for it or an example, and with the values that there are."""
    if what.startswith("Invalid enum value "):
        choices = [repr(each) for each in choices_at(shape, path)]
        some = choices if len(choices) <= MOST_CHOICES else [*choices[:3], f"… ({len(choices)} in all)"]
        return f"Expected one of {', '.join(some)}"
    if unknown := _UNKNOWN.fullmatch(what):
        known = members_at(shape, path)
        return f"{what}: {choose(unknown['member'], known)}" if known else what
    match = _REFUSED.fullmatch(what)
    if match is None:
        return "Expected true or false" if _NO_YES.fullmatch(what) else _NO_TIME.get(what, what)
    if words := _SAID.get(match["pattern"]):
        return f"Expected {words}"
    example = example_at(shape, path)
    return what if example is None else f"Expected a text like {example!r}"
