"""That several filters are true of one variant, as a query of tantivy's.

A filter is true of a product as a whole (a specification says so, or each of its variants), or of some of its variants.
Those of the second kind must be united by one, and which these are differs from product to product: so there is a way
for each choice of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import prod
from typing import NamedTuple

import tantivy

from stoa.services.search.index.queries import all_of, any_of, term
from stoa.services.search.index.variants import UNTOLD, number_of

MOST_WAYS = 200
"""Of a group of filters: each of one of its values, or of none."""


class Fact(NamedTuple):
    """A filter that may be true of one variant and not of another: where it has one of these terms; and where it is
    `always` true."""

    terms: Sequence[str]
    always: tantivy.Query


def groups(facts: Sequence[Fact], with_each: Sequence[Fact]) -> list[list[Fact]]:
    """Those that are asked for together: all of them. Where these have more than `MOST_WAYS`, those with the fewest
    values are, and then the others."""
    found = [list(with_each)]
    for fact in sorted(facts, key=lambda one: len(one.terms)):
        if _ways([*found[-1], fact]) <= MOST_WAYS:
            found[-1].append(fact)
        else:
            found.append([*with_each, fact])
    return [group for group in found if len(group) > 1]


def _ways(facts: Sequence[Fact]) -> int:
    return prod(1 + len(fact.terms) for fact in facts)


def one_variant(schema: tantivy.Schema, facts: Sequence[Fact]) -> tantivy.Query:
    """Of products of which each of the facts is true apart those in which a variant unites them."""
    untold = term(schema, "united", UNTOLD)
    return any_of([untold, *_choices(schema, facts)])


def _choices(schema: tantivy.Schema, facts: Sequence[Fact]) -> Iterator[tantivy.Query]:
    # One alone needs not be united with another, and that some variant has it is known.
    for size in range(1, len(facts) + 1):
        for chosen in combinations(range(len(facts)), size):
            parts = [fact.always for at, fact in enumerate(facts) if at not in chosen]
            if size > 1:
                terms = product(*(facts[at].terms for at in chosen))
                parts.append(any_of(term(schema, "united", number_of(each)) for each in terms))
            yield all_of(parts)
