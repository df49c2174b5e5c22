"""What a variant costs in a context: the one rule, for every reader. Pure; docs/algorithms/prices.md draws it.

Of the lists that hold there (active, in the currency, for everybody or a group of the caller's, for anywhere or the
country, begun and not ended) and have a price for the quantity, the one of the greatest priority counts; of several
the one with the lowest price; of these the oldest. In a list the price of the greatest quantity that is reached
counts. Where no list has a price the variant's own holds, which is in the shop's currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from stoa.kit.money import Money


class Context(NamedTuple):
    """For whom and when. An empty `currency` is the variant's own."""

    currency: str
    country: str
    groups: frozenset[str]
    at_ms: int


class ListedPrice(NamedTuple):
    """What an active list says of a variant, from `least_quantity` on. `starts_ms` and `ends_ms` are None where there
    is no such end."""

    list_id: str
    list: str
    currency: str
    group: str | None
    countries: Sequence[str]
    priority: int
    starts_ms: int | None
    ends_ms: int | None
    least_quantity: int
    amount_minor: int


EVERYBODY = Context("", "", frozenset(), 0)
"""In the shop's currency. When, is to be said."""


class Held(NamedTuple):
    """What everybody paid since then."""

    since_ms: int
    amount_minor: int


# Of `prices AS price` and `price_lists AS list`, what `ListedPrice` has.
LISTED_PRICE = """json_build_array(
    list.id, list.slug, list.currency, list.customer_group, list.countries, list.priority,
    floor(extract(epoch FROM list.starts_at) * 1000)::bigint, floor(extract(epoch FROM list.ends_at) * 1000)::bigint,
    price.least_quantity, price.amount_minor
)"""


class Priced(NamedTuple):
    """`compare_at` is the variant's own price, where that is higher. `listed` is what it is from, None of its own."""

    price: Money
    compare_at: Money | None = None
    listed: ListedPrice | None = None


def ms_of(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1000)


def price_in(context: Context, quantity: int, own: Money, listed: Sequence[ListedPrice]) -> Priced | None:
    """What one of so many costs, whose own price is `own`; None where it is not sold."""
    currency = context.currency or own.currency
    in_list: dict[str, ListedPrice] = {}
    for each in listed:
        if each.currency == currency and each.least_quantity <= quantity and holds(each, context):
            known = in_list.get(each.list_id)
            if known is None or known.least_quantity < each.least_quantity:
                in_list[each.list_id] = each
    if not in_list:
        return Priced(own) if own.currency == currency else None
    best = min(in_list.values(), key=lambda each: (-each.priority, each.amount_minor, each.list_id))
    price = Money(best.amount_minor, currency)
    reduced = own.currency == currency and price.amount < own.amount
    return Priced(price, own if reduced else None, best)


class Tier(msgspec.Struct, frozen=True):
    """What one costs from so many on."""

    least_quantity: int
    price: Money


def tiers_in(context: Context, own: Money, listed: Sequence[ListedPrice]) -> list[Tier]:
    """All that it costs there, by how many are bought: the first from 1 on, or from where it is sold at all."""
    held = [each for each in listed if holds(each, context)]
    tiers: list[Tier] = []
    for quantity in sorted({1, *(each.least_quantity for each in held)}):
        priced = price_in(context, quantity, own, held)
        if priced is not None and (not tiers or tiers[-1].price != priced.price):
            tiers.append(Tier(quantity, priced.price))
    return tiers


_30_DAYS_MS = 30 * 24 * 60 * 60 * 1000


def lowest_before(history: Sequence[Held], price_minor: int, at_ms: int) -> int | None:
    """The lowest price that everybody paid in the 30 days before what costs `price_minor` at this moment came to cost
    that; None where nothing is known of them. `history` is from the oldest on.

    A price that begins and the one that it ends share no moment. What is reduced again is compared with what it cost
    after the first time.
    """
    past = [held for held in history if held.since_ms <= at_ms]
    began = at_ms
    while past and past[-1].amount_minor == price_minor:
        began = past.pop().since_ms
    ends = [*(held.since_ms for held in past[1:]), began]
    until = zip(past, ends, strict=False)
    return min((held.amount_minor for held, end in until if end > began - _30_DAYS_MS), default=None)


def holds(listed: ListedPrice, context: Context) -> bool:
    """Whether the list is for them, there and then."""
    return (
        (listed.group is None or listed.group in context.groups)
        and (not listed.countries or context.country in listed.countries)
        and (listed.starts_ms is None or listed.starts_ms <= context.at_ms)
        and (listed.ends_ms is None or context.at_ms < listed.ends_ms)
    )
