"""Money: nothing is lost in splitting, rounding goes away from zero, currencies never mix."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stoa.kit.money import CurrencyMismatch, Money, allocate, share, total

amounts = st.integers(-(10**12), 10**12)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=40)


def gbp(*amounts: int) -> list[Money]:
    return [Money(amount, "GBP") for amount in amounts]


@given(amounts, weights)
def test_the_parts_of_an_allocation_sum_to_the_whole_and_are_fair(amount, weights) -> None:
    assume(sum(weights) > 0)
    parts = allocate(Money(amount, "GBP"), weights)
    assert sum(part.amount for part in parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(amount * weight, sum(weights))
        assert abs(part.amount - exact) < 1
        assert weight or part.amount == 0


@given(amounts, weights)
def test_an_allocation_of_the_opposite_is_the_opposite(amount, weights) -> None:
    assume(sum(weights) > 0)
    opposite = [Money(-part.amount, "GBP") for part in allocate(Money(amount, "GBP"), weights)]
    assert allocate(Money(-amount, "GBP"), weights) == opposite


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (2, [1, 1, 1], [1, 1, 0]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (10, [0, 3, 0, 7], [0, 3, 0, 7]),
        (5, [1, 2], [2, 3]),
        (0, [1, 2], [0, 0]),
    ],
)
def test_the_units_left_over_go_to_the_largest_remainders_and_then_to_the_earlier(amount, weights, parts) -> None:
    assert allocate(Money(amount, "GBP"), weights) == gbp(*parts)


@pytest.mark.parametrize("weights", [[], [0, 0], [3, -1]])
def test_weights_that_say_nothing_are_refused(weights) -> None:
    with pytest.raises(ValueError, match="weights must be at least zero and sum to more than zero"):
        allocate(Money(1, "GBP"), weights)


@given(amounts, st.fractions(0, 3))
def test_a_share_is_the_nearest_unit_and_halves_go_away_from_zero(amount, rate) -> None:
    part = share(Money(amount, "GBP"), rate).amount
    exact = amount * rate
    assert abs(part - exact) <= Fraction(1, 2)
    if abs(part - exact) == Fraction(1, 2):
        assert abs(part) > abs(exact)


@pytest.mark.parametrize(
    ("amount", "rate", "part"), [(1999, "0.2", 400), (5, "0.1", 1), (-5, "0.1", -1), (4, "0.1", 0)]
)
def test_a_share_in_figures(amount, rate, part) -> None:
    assert share(Money(amount, "GBP"), Fraction(rate)) == Money(part, "GBP")


def test_sums_stay_in_their_currency() -> None:
    assert total(gbp(5, 7, -2), "GBP") == Money(10, "GBP")
    assert total([], "JPY") == Money(0, "JPY")
    with pytest.raises(CurrencyMismatch, match="GBP and EUR"):
        total([Money(1, "EUR")], "GBP")


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1999, "GBP"), "19.99 GBP"),
        (Money(-5, "GBP"), "-0.05 GBP"),
        (Money(123456789, "EUR"), "1,234,567.89 EUR"),
        (Money(1500, "JPY"), "1,500 JPY"),
    ],
)
def test_money_reads_as_people_write_it(money, text) -> None:
    assert str(money) == text
