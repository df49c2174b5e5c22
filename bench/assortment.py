"""Made-up goods to search among, and what shoppers ask for: the same ones in each run, as many as are wanted.

Names and descriptions are of words as frequent as those of a language are (Zipf): a few are everywhere, most are rare.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, product

SEED = 2027
COLORS = ("black", "white", "grey", "blue", "green", "red", "brown", "yellow", "orange", "pink", "purple", "silver")
MATERIALS = (
    "cotton",
    "steel",
    "oak",
    "leather",
    "linen",
    "wool",
    "glass",
    "beech",
    "ceramic",
    "canvas",
    "brass",
    "cork",
)
BRANDS = 200
CATEGORIES = 40
DESCRIBED_IN = 25
"""Words."""
MOST_SAID = 200_000
"""Words one after another, out of which descriptions are cut."""

_ONSETS = ("b", "br", "d", "f", "g", "gr", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w")
_RHYMES = ("a", "an", "el", "i", "in", "o", "or", "u", "um", "est")


def _words() -> list[str]:
    """As many as a large shop has, of three syllables: seldom is one a letter away from another."""
    syllables = ["".join(pair) for pair in product(_ONSETS, _RHYMES)]
    made = random.Random(SEED)  # noqa: S311 - goods
    return list(dict.fromkeys("".join(made.choices(syllables, k=3)) for _ in range(30_000)))


WORDS = _words()
_FREQUENT = [*accumulate(1 / rank for rank in range(1, len(WORDS) + 1))]


@dataclass(frozen=True, slots=True)
class Good:
    """The `number` counts from 1; `brand` and `category` are places in lists of so many."""

    number: int
    name: str
    description: str
    brand: int
    category: int
    color: str
    price: int

    @property
    def sku(self) -> str:
        return f"FIND-{self.number:07}"

    @property
    def slug(self) -> str:
        return self.sku.lower()


def goods(count: int) -> Iterator[Good]:
    """The first ones: those of a small shop are also in a large one."""
    rolled = random.Random(SEED)  # noqa: S311 - goods
    # Drawn once: a word each time would take as long as all the rest.
    said = rolled.choices(WORDS, cum_weights=_FREQUENT, k=MOST_SAID)
    for number in range(1, count + 1):
        color, material = rolled.choice(COLORS), rolled.choice(MATERIALS)
        at = rolled.randrange(MOST_SAID - DESCRIBED_IN)
        yield Good(
            number,
            f"{color} {material} {said[at]} {rolled.choice(WORDS)}",
            " ".join(said[at + 1 : at + 1 + DESCRIBED_IN]),
            rolled.randrange(BRANDS),
            rolled.randrange(CATEGORIES),
            color,
            rolled.randrange(199, 50_000),
        )


@dataclass(frozen=True)
class Asked:
    """Questions of one kind, each another one; `parameters` are those of the URL, in which `q` is the text. `plain` if
    an index that has nothing but words understands them;
    `found` if each is for something that is there."""

    what: str
    parameters: Sequence[dict[str, str]]
    path: str = "/search"
    plain: bool = False
    found: bool = True


def questions(count: int, each: int) -> list[Asked]:
    """So many of each kind, about the goods of a shop of `count`."""
    apart = max(1, count // each)
    named = [one.name.split() for one in islice(goods(count), 0, None, apart)][:each]
    # Some more than once in a small shop: then they have another length, because the gateway keeps what it was asked.
    lengths = [str(20 + at // len(named)) for at in range(each)]
    named = [named[at % len(named)] for at in range(each)]
    common = (*COLORS, *MATERIALS)
    return [
        Asked(
            "Two words, with facets",
            [{"q": f"{name[1]} {name[3]}", "limit": limit} for name, limit in zip(named, lengths, strict=True)],
            plain=True,
        ),
        Asked(
            "A word misspelled, with facets",
            [{"q": misspelled(name[3]), "limit": limit} for name, limit in zip(named, lengths, strict=True)],
        ),
        Asked(
            "A word that every twelfth product has, with facets",
            [{"q": common[at % len(common)], "limit": str(20 + at // len(common) % 81)} for at in range(each)],
            plain=True,
        ),
        Asked(
            "A word, a range of prices and what is in stock",
            [
                {"q": name[2], "min_price": "1000", "max_price": str(20_000 + at), "in_stock": "true"}
                for at, name in enumerate(named)
            ],
            found=False,
        ),
        Asked(
            "Suggestions",
            [{"q": name[3][: 3 + at % 3], "limit": str(5 + at % 7)} for at, name in enumerate(named)],
            "/search/suggest",
            found=False,
        ),
    ]


def misspelled(word: str) -> str:
    """Two letters in its middle change places: the two that differ."""
    at = next((at for at in range(2, len(word) - 1) if word[at] != word[at + 1]), 2)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
