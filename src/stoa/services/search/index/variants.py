"""What must be true of one variant together, as an index has it. Pure.

A fact of a variant is one of its options, under what that is called in any language, or that the variant can be bought.
A fact that all variants of a product share is true of whichever is chosen. Of the others each two or more that some
variant unites are one number: the sum of the numbers of its facts, whatever their order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from stoa.ports.search import Document, Variant
from stoa.services.search.index.options import BETWEEN, own_options, spellings

AVAILABLE = BETWEEN * 2
"""A fact; that of an option has what is between once."""
UNTOLD = 0
"""Instead of what the variants of a product unite, where that would be too much: then it is not known."""
MOST_UNITED = 20_000
"""Of one product. A thousand variants have some 18,000 by three options in two languages, 11,000 by three in one."""

_NUMBERS = 2**64


class Together(NamedTuple):
    shared: Sequence[str]
    """Facts of all variants."""
    united: Iterable[int]


def together_of(document: Document) -> Together:
    if not document.variants:
        return Together((), ())
    called = {option: spellings(document, *option) for option in own_options(document)}
    variants = [_facts(variant, called) for variant in document.variants]
    first, *others = ({term for fact in facts for term in fact} for facts in variants)
    shared = first.intersection(*others)
    telling = [[[term for term in fact if term not in shared] for fact in facts] for facts in variants]
    return Together(sorted(shared), _united([[fact for fact in facts if fact] for facts in telling]))


def number_of(facts: Iterable[str]) -> int:
    """That of several: different for any others, since two of so many are as good as never the same."""
    return sum(map(_number, facts)) % _NUMBERS


def _facts(variant: Variant, called: Mapping[tuple[str, str], Sequence[str]]) -> list[Sequence[str]]:
    """Each by what it is called."""
    told = [called[option] for option in variant.options.items()]
    return [*told, (AVAILABLE,)] if variant.available else told


def _united(variants: Sequence[Sequence[Sequence[str]]]) -> Iterable[int]:
    found: set[int] = set()
    alone = {UNTOLD}
    for facts in variants:
        sums = [0]
        for fact in facts:
            numbers = [_number(term) for term in fact]
            alone.update(numbers)
            sums += [(number + before) % _NUMBERS for number in numbers for before in sums]
            if len(sums) > MOST_UNITED:
                return [UNTOLD]
        found.update(sums)
        if len(found) > MOST_UNITED:
            return [UNTOLD]
    return found - alone


@lru_cache(maxsize=10_000)
def _number(fact: str) -> int:
    return int.from_bytes(hashlib.blake2b(fact.encode(), digest_size=8).digest())
