"""An order whose figures do not add up is refused, with the field."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.kit.money import Money
from stoa.services.order.errors import DuplicateLine, WrongFigures
from stoa.services.order.figures import Figures, NewItem, check, line_discounts


def gbp(amount: int) -> Money:
    return Money(amount, "GBP")


MUG = NewItem("p1", "MUG", "Mug", gbp(1999), 2, gbp(800))
SPOON = NewItem("p2", "SPOON", "Spoon", gbp(333), 3, gbp(200))
FIGURES = Figures(subtotal=gbp(4997), discount=gbp(500), shipping=gbp(495), tax=gbp(1099), total=gbp(6091))


def test_what_adds_up():
    check(FIGURES, [MUG, SPOON])


@pytest.mark.parametrize(
    ("figures", "items", "failure", "field"),
    [
        (FIGURES, [], WrongFigures, "items"),
        (FIGURES, [MUG, MUG], DuplicateLine, "items[1].sku"),
        (FIGURES, [MUG, replace(SPOON, quantity=0)], WrongFigures, "items[1].quantity"),
        (FIGURES, [MUG, replace(SPOON, quantity=-3)], WrongFigures, "items[1].quantity"),
        (FIGURES, [MUG, replace(SPOON, quantity=100_001)], WrongFigures, "items[1].quantity"),
        (FIGURES, [MUG, replace(SPOON, unit_price=Money(333, "EUR"))], WrongFigures, "total"),
        (FIGURES, [MUG, replace(SPOON, unit_price=gbp(332))], WrongFigures, "subtotal"),
        (FIGURES, [MUG, replace(SPOON, tax=gbp(-1))], WrongFigures, "total"),
        (FIGURES, [MUG, replace(SPOON, tax=gbp(300))], WrongFigures, "tax"),
        (replace(FIGURES, discount=gbp(4998), total=gbp(1593)), [MUG, SPOON], WrongFigures, "discount"),
        (replace(FIGURES, discount=gbp(-1), total=gbp(6592)), [MUG, SPOON], WrongFigures, "total"),
        (replace(FIGURES, total=gbp(6090)), [MUG, SPOON], WrongFigures, "total"),
        (replace(FIGURES, total=gbp(2**53)), [MUG, SPOON], WrongFigures, "total"),
        (FIGURES, [MUG, replace(SPOON, unit_price=gbp(2**52), quantity=3)], WrongFigures, "items[1].quantity"),
        (replace(FIGURES, total=Money(6091, "USD")), [MUG, SPOON], WrongFigures, "total"),
    ],
)
def test_what_does_not(figures, items, failure, field):
    with pytest.raises(failure) as refusal:
        check(figures, items)
    assert refusal.value.field == field


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 500)), min_size=1, max_size=20), st.data())
def test_no_line_has_more_discount_than_it_costs(lines, data):
    items = [NewItem("p", str(at), "n", gbp(price), quantity, gbp(0)) for at, (price, quantity) in enumerate(lines)]
    subtotal = sum(item.subtotal.amount for item in items)
    discount = data.draw(st.integers(0, subtotal))
    figures = Figures(gbp(subtotal), gbp(discount), gbp(0), gbp(0), gbp(subtotal - discount))
    check(figures, items)
    shares = line_discounts(figures, items)
    assert sum(share.amount for share in shares) == discount
    assert all(0 <= share.amount <= item.subtotal.amount for share, item in zip(shares, items, strict=True))
