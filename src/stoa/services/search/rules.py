"""What staff say about searches, as every process has it in memory. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import msgspec

from stoa.ports.search import Synonyms

MOST_QUERY = 100
"""Characters of a search by which it is told from others."""


class Rule(msgspec.Struct, frozen=True):
    """About one query: which products come first, in this order, and which last; where to send who asks it."""

    pinned: Sequence[str] = ()
    buried: Sequence[str] = ()
    redirect: str | None = None


class Rules(msgspec.Struct, frozen=True):
    """`of_queries` by how searches are compared."""

    synonyms: Synonyms = Synonyms()
    of_queries: Mapping[str, Rule] = {}

    def of(self, text: str) -> Rule:
        return self.of_queries.get(compared(text), NO_RULE)


NO_RULE = Rule()
NO_RULES = Rules()


def says_something(text: str) -> bool:
    """Whether there is a word in it: nobody finds by what is between words."""
    return any(each.isalnum() for each in text)


def compared(text: str) -> str:
    """What two searches have in common that are the same to a shopper: case, accents and spaces make no difference."""
    plain = unicodedata.normalize("NFKD", text[: 4 * MOST_QUERY]).casefold()
    letters = "".join(" " if not each.isprintable() else each for each in plain if not unicodedata.combining(each))
    return " ".join(letters.split())[:MOST_QUERY].strip()
