"""What is wrong with a cell, for people who have never seen a type or a pattern."""

from __future__ import annotations

import re

_WORDS = (
    (r"Expected `str` of length >= 1\.", "It is empty."),
    (r"Expected `str` of length <= ([0-9]+)\.", r"It has more than \1 characters."),
    (r"Expected `array` of length <= ([0-9]+)\.", r"It has more than \1 parts."),
    (r"Expected `(?:int|float)` >= (-?[0-9]+)\.", r"It is less than \1."),
    (r"Expected `(?:int|float)` <= ([0-9]+)\.", r"It is more than \1."),
)
_PATTERN = "Expected `str` matching regex "
_FORMS = {
    "url": "It is no address of a picture: that begins with https://, and has no spaces.",
    "slug": "A slug has small letters, digits, and hyphens between them.",
    "sku": "A SKU has letters, digits, dots, hyphens and underscores.",
}


def in_words(detail: str, field: str) -> str:
    """`detail` as a decoder says it, of the member at `field`."""
    if detail.startswith(_PATTERN):
        return _FORMS.get(field.rpartition(".")[2], "It has characters that may not stand there.")
    for pattern, words in _WORDS:
        if match := re.fullmatch(pattern, detail):
            return match.expand(words)
    return detail
