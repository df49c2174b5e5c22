"""Whatever the pieces in which a line comes back, its refunds sum to what was paid for it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.kit.money import Money, allocate
from stoa.services.order.errors import (
    DuplicateLine,
    MoreThanAsked,
    MoreThanBought,
    MoreUnfitThanCame,
    NotInOrder,
    NotInReturn,
)
from stoa.services.order.refunds import (
    BoughtLine,
    Came,
    ReturnedLine,
    check_received,
    check_returnable,
    part_of,
    refund_lines,
)


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


BOUGHT = {
    "MUG": BoughtLine("MUG", quantity=3, canceled=0, shipped=3, returned=0, requested=0, net=gbp(1000), tax=gbp(200)),
    "SPOON": BoughtLine(
        "SPOON", quantity=2, canceled=0, shipped=2, returned=1, requested=0, net=gbp(501), tax=gbp(101)
    ),
}


def test_the_first_units_back_get_what_cannot_be_divided():
    assert [part_of(gbp(1000), 3, before, 1) for before in range(3)] == [gbp(334), gbp(333), gbp(333)]
    assert refund_lines(BOUGHT, [Came("MUG", 2, unfit=1), Came("SPOON", 1, unfit=0)]) == [
        ReturnedLine("MUG", 2, restock=1, net=gbp(667), tax=gbp(134)),
        ReturnedLine("SPOON", 1, restock=1, net=gbp(250), tax=gbp(50)),
    ]


def test_the_example_in_the_docs():
    refunds = []
    for before in range(3):
        mugs = BoughtLine("MUG", 3, 0, 3, returned=before, requested=0, net=gbp(1000), tax=gbp(200))
        [line] = refund_lines({"MUG": mugs}, [Came("MUG", 1, unfit=0)])
        refunds.append((line.net, line.tax))
    assert refunds == [(gbp(334), gbp(67)), (gbp(333), gbp(67)), (gbp(333), gbp(66))]


@given(st.integers(0, 10**12), st.integers(1, 400), st.randoms(use_true_random=False))
def test_any_sequence_of_returns_refunds_exactly_the_whole(whole: int, units: int, rng: random.Random):
    back, refunds = 0, []
    while back < units:
        more = rng.randint(1, units - back)
        refunds.append(part_of(gbp(whole), units, back, more))
        assert refunds[-1] == gbp(sum(part.amount for part in allocate(gbp(whole), [1] * units)[back : back + more]))
        back += more
    assert sum(refund.amount for refund in refunds) == whole


@given(st.integers(0, 10**9), st.data(), st.integers(1, 400), st.randoms(use_true_random=False))
def test_with_tax_in_the_price_all_returns_give_back_the_price(whole: int, data, units: int, rng: random.Random):
    """And never more tax than the price of what came."""
    tax = data.draw(st.integers(0, whole))
    back, prices, taxes = 0, [], []
    while back < units:
        more = rng.randint(1, units - back)
        line = BoughtLine("MUG", units, 0, units, back, 0, gbp(whole - tax), gbp(tax), tax_included=True)
        [came] = refund_lines({"MUG": line}, [Came("MUG", more, unfit=0)])
        assert came.net.amount >= 0
        prices.append((came.net + came.tax).amount)
        taxes.append(came.tax.amount)
        assert came.net + came.tax == part_of(gbp(whole), units, back, more)
        back += more
    assert (sum(prices), sum(taxes)) == (whole, tax)


def test_each_unit_gives_back_its_shelf_price():
    """Three at 19.99 with 20 % in them: not 20.00, 19.99 and 19.98, as its net and its tax cut apart would."""
    refunds = []
    for before in range(3):
        line = BoughtLine("MUG", 3, 0, 3, before, 0, gbp(4997), gbp(1000), tax_included=True)
        [came] = refund_lines({"MUG": line}, [Came("MUG", 1, unfit=0)])
        refunds.append((came.net.amount, came.tax.amount))
    assert refunds == [(1665, 334), (1666, 333), (1666, 333)]


FORKS = BoughtLine("FORK", quantity=6, canceled=1, shipped=4, returned=1, requested=2, net=gbp(600), tax=gbp(120))
ASKED = {**BOUGHT, "FORK": FORKS}


@pytest.mark.parametrize(
    ("wanted", "failure", "field"),
    [
        ([("MUG", 4)], MoreThanBought, "items[0].quantity"),
        ([("MUG", 1), ("SPOON", 2)], MoreThanBought, "items[1].quantity"),
        ([("FORK", 2)], MoreThanBought, "items[0].quantity"),
        ([("KNIFE", 1)], NotInOrder, "items[0].sku"),
        ([("MUG", 1), ("MUG", 1)], DuplicateLine, "items[1].sku"),
    ],
)
def test_what_cannot_come_back(wanted, failure, field):
    check_returnable(ASKED, [("MUG", 3), ("SPOON", 1), ("FORK", 1)])
    with pytest.raises(failure) as refusal:
        check_returnable(ASKED, wanted)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("came", "failure", "field"),
    [
        ([Came("MUG", 3, 0)], MoreThanAsked, "items[0].quantity"),
        ([Came("MUG", 1, 0), Came("SPOON", 1, 0)], NotInReturn, "items[1].sku"),
        ([Came("MUG", 1, 0), Came("MUG", 1, 0)], DuplicateLine, "items[1].sku"),
        ([Came("MUG", 1, 2)], MoreUnfitThanCame, "items[0].unfit"),
    ],
)
def test_what_cannot_have_been_asked_for(came, failure, field):
    check_received({"MUG": 2}, [Came("MUG", 2, 2)])
    with pytest.raises(failure) as refusal:
        check_received({"MUG": 2}, came)
    assert refusal.value.field == field
