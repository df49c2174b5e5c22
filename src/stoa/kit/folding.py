"""Texts as they are compared where case and accents make no difference: in search, and in slugs made of names."""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = re.compile(r"[\u0300-\u036f]")
_NOT_SPLIT = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"})
"""Letters that Unicode does not take apart."""


def fold(text: str) -> str:
    """Without case and accents: `Straße` is `strasse`."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", apart)).translate(_NOT_SPLIT)
