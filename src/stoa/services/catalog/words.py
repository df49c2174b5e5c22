"""Names as the shop writes them in addresses and on shelves."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Sequence

from stoa.kit.folding import fold

LONGEST_SLUG = 180
LONGEST_SKU = 64
_SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_WORDS = re.compile(r"[A-Za-z0-9]+([\s/,._-]+[A-Za-z0-9]+)*")
"""Values that two slugs are made of where they are two."""


def slug_of(name: str) -> str:
    """`Enamel mug` as `enamel-mug`; empty for a name without a letter or digit of ASCII."""
    plain = fold(name).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", plain))[:LONGEST_SLUG].strip("-")


def slug_apart(name: str) -> str:
    """The same, and another for each name that differs in what a slug cannot have: letters of other alphabets."""
    plain = slug_of(name)
    if fold(name).isascii():
        return plain
    mark = hashlib.sha256(unicodedata.normalize("NFC", name).encode()).hexdigest()[:8]
    return f"{plain}-{mark}" if plain else mark


def sku_of(text: str) -> str:
    """What somebody else calls a SKU as one of ours, and always as the same. Between its parts stand hyphens; letters
    of other alphabets, and what else may not stand in one, are told apart by what stands behind."""
    said = unicodedata.normalize("NFC", text.strip())
    plain = re.sub(r"[\s/]+", "-", said)
    if not plain or (_SKU.fullmatch(plain) and len(plain) <= LONGEST_SKU):
        return plain
    letters = "".join(each for each in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(each))
    return _told_apart(re.sub(r"[^A-Za-z0-9._-]+", "-", letters), said)


def sku_for(slug: str, values: Sequence[str]) -> str:
    """A SKU for a variant that has none: of its product's slug and what it has for its options."""
    plain = "-".join([slug, *map(slug_of, values)])
    if len(plain) <= LONGEST_SKU and all(_WORDS.fullmatch(value) for value in values):
        return plain
    return _told_apart(plain, "-".join([slug, *values]))


def _told_apart(plain: str, whole: str) -> str:
    """As much of `plain` as there is room for, and what no other `whole` has behind it."""
    mark = base64.b32encode(hashlib.sha256(whole.encode()).digest()[:5]).decode()
    return "-".join(part for part in (plain.strip("-._")[: LONGEST_SKU - len(mark) - 1].rstrip("-._"), mark) if part)
