"""The one rule of prices: held to a slow one that was written from its words, and to the table in the page on it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from stoa.kit.money import Money
from stoa.services.catalog.pricing import Context, ListedPrice, ms_of, price_in, tiers_in

PAGE = Path(__file__).parents[2] / "docs/algorithms/prices.md"

moments = st.one_of(st.none(), st.integers(0, 4))
lists = st.builds(
    lambda at, *more: (f"id-{at}", f"list-{at}", *more),
    st.integers(0, 4),
    st.sampled_from(["GBP", "EUR"]),
    st.sampled_from([None, "trade", "club"]),
    st.sampled_from([(), ("FR",), ("FR", "DE")]),
    st.integers(0, 1),
    moments,
    moments,
)
tiers = st.dictionaries(st.integers(1, 4), st.integers(0, 9), max_size=3)
listed = st.lists(st.tuples(lists, tiers), max_size=5, unique_by=lambda one: one[0][0]).map(
    lambda some: [ListedPrice(*one, *tier) for one, prices in some for tier in prices.items()]
)
contexts = st.builds(
    Context,
    st.sampled_from(["", "GBP", "EUR"]),
    st.sampled_from(["", "FR", "DE"]),
    st.frozensets(st.sampled_from(["trade", "club"])),
    st.integers(0, 4),
)
own_prices = st.integers(0, 9).map(lambda amount: Money(amount, "GBP"))


@given(contexts, st.integers(1, 5), own_prices, listed, st.randoms(use_true_random=False))
def test_the_rule_word_by_word(context, quantity, own, prices, random):
    currency = context.currency or "GBP"
    left = [one for one in prices if one.currency == currency]
    left = [one for one in left if one.group is None or one.group in context.groups]
    left = [one for one in left if one.countries == () or context.country in one.countries]
    left = [one for one in left if one.starts_ms is None or not context.at_ms < one.starts_ms]
    left = [one for one in left if one.ends_ms is None or not context.at_ms >= one.ends_ms]
    left = [one for one in left if one.least_quantity <= quantity]
    left = [
        one for one in left if one.least_quantity == max(o.least_quantity for o in left if o.list_id == one.list_id)
    ]
    left = [one for one in left if one.priority == max(other.priority for other in left)]
    left = [one for one in left if one.amount_minor == min(other.amount_minor for other in left)]
    left = sorted(left, key=lambda one: one.list_id)
    random.shuffle(prices)
    found = price_in(context, quantity, own, prices)
    if left:
        assert found is not None
        assert (found.price, found.listed) == (Money(left[0].amount_minor, currency), left[0])
        lower = currency == "GBP" and left[0].amount_minor < own.amount
        assert found.compare_at == (own if lower else None)
    elif currency == "GBP":
        assert found == (own, None, None)
    else:
        assert found is None


def test_the_table_in_the_page():
    def day(number: int, month: int = 6) -> int:
        return ms_of(datetime(2026, month, number, tzinfo=UTC))

    prices = [
        ListedPrice("1", "sale", "GBP", None, (), 0, day(1), day(15), 1, 420),
        *(
            ListedPrice("2", "trade", "GBP", "trade", (), 0, None, None, least, amount)
            for least, amount in ((1, 450), (10, 400), (100, 300))
        ),
        ListedPrice("3", "france", "GBP", None, ("FR", "MC"), 10, None, None, 1, 520),
        ListedPrice("4", "euro", "EUR", None, (), 0, None, None, 1, 600),
    ]
    moment = {"31 May": day(31, 5), "any day": day(7), "15 June, 00:00:00": day(15), "20 June": day(20)}
    rows = re.findall(r"^\| (a \w+.*?) \| (.*?) \| (\d+) \| (.*?) \| (.*?) ?\|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == 9
    for who, when, quantity, price, source in rows:
        currency = {"in EUR": "EUR", "in JPY": "JPY"}.get(who.partition(", ")[2], "")
        groups = frozenset({"trade"} if "trader" in who else ())
        context = Context(currency, "FR" if "to FR" in who else "", groups, moment.get(when, day(1)))
        found = price_in(context, int(quantity), Money(500, "GBP"), prices)
        if price == "none":
            assert found is None
            continue
        assert found is not None
        assert f"{found.price.amount / 100:.2f}" == price.removeprefix("EUR ")
        assert (found.listed.list if found.listed else "its own") == source.partition(",")[0]


@given(contexts, own_prices, listed)
def test_the_tier_that_is_reached_is_the_price(context, own, prices):
    tiers = tiers_in(context, own, prices)
    for quantity in range(1, 6):
        reached = [one.price for one in tiers if one.least_quantity <= quantity]
        found = price_in(context, quantity, own, prices)
        assert (reached[-1] if reached else None) == (found.price if found else None)
    quantities = [one.least_quantity for one in tiers]
    assert quantities == sorted(set(quantities))
    assert all(one.price != after.price for one, after in pairwise(tiers))
