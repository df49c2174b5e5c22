"""An order whose figures do not add up is refused, with the field."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stoa.services.order.errors import DuplicateLine, WrongFigures
from stoa.services.order.figures import checked
from stoa.services.order.new_order import NewItem, NewTax

MUG = NewItem(product_id="p1", sku="MUG", name="Mug", unit_price_minor=1999, quantity=2, tax_minor=800)
SPOON = NewItem(product_id="p2", sku="SPOON", name="Spoon", unit_price_minor=333, quantity=3, tax_minor=200)


def test_what_adds_up(new_order):
    new = new_order(discount_minor=500, total_minor=6091)
    assert checked(new) is new
    assert [item.discount_minor for item in new.items] == [400, 100]


@pytest.mark.parametrize(
    ("figures", "items", "failure", "field"),
    [
        ({}, [], WrongFigures, "items"),
        ({}, [MUG, MUG], DuplicateLine, "items[1].sku"),
        ({}, [MUG, replace(SPOON, quantity=0)], WrongFigures, "items[1].quantity"),
        ({}, [MUG, replace(SPOON, quantity=-3)], WrongFigures, "items[1].quantity"),
        ({}, [MUG, replace(SPOON, quantity=100_001)], WrongFigures, "items[1].quantity"),
        ({}, [MUG, replace(SPOON, unit_price_minor=332)], WrongFigures, "subtotal"),
        ({}, [MUG, replace(SPOON, unit_price_minor=-333)], WrongFigures, "total"),
        ({}, [MUG, replace(SPOON, tax_minor=-1)], WrongFigures, "total"),
        ({}, [MUG, replace(SPOON, tax_minor=300)], WrongFigures, "tax"),
        ({}, [MUG, replace(SPOON, tax_minor=2**53)], WrongFigures, "total"),
        ({"discount_minor": 4998, "total_minor": 1593}, [MUG, SPOON], WrongFigures, "discount"),
        ({"discount_minor": -1, "total_minor": 6592}, [MUG, SPOON], WrongFigures, "total"),
        ({"total_minor": 6590}, [MUG, SPOON], WrongFigures, "total"),
        ({"total_minor": 2**53}, [MUG, SPOON], WrongFigures, "total"),
        ({}, [MUG, replace(SPOON, unit_price_minor=2**52, quantity=3)], WrongFigures, "items[1].quantity"),
    ],
)
def test_what_does_not(new_order, figures, items, failure, field):
    with pytest.raises(failure) as refusal:
        checked(new_order(items=items, **figures))
    assert refusal.value.field == field


def test_a_line_may_say_its_own_discount(new_order):
    items = [replace(MUG, discount_minor=1), replace(SPOON, discount_minor=499)]
    new = new_order(items=items, discounted_by_line=True, discount_minor=500, total_minor=6091)
    assert [item.discount_minor for item in checked(new).items] == [1, 499]


@pytest.mark.parametrize(
    ("discounts", "field"),
    [
        ((0, 499), "discount"),
        ((1, 500), "discount"),
        ((501, -1), "items[1].discount"),
        ((-500, 1000), "items[0].discount"),
    ],
)
def test_discounts_of_lines_that_do_not_add_up(new_order, discounts, field):
    items = [replace(item, discount_minor=off) for item, off in zip([MUG, SPOON], discounts, strict=True)]
    with pytest.raises(WrongFigures) as refusal:
        checked(new_order(items=items, discounted_by_line=True, discount_minor=500, total_minor=6091))
    assert refusal.value.field == field


def vat(base: int, amount: int) -> NewTax:
    return NewTax(name="VAT", rate="20", base_minor=base, amount_minor=amount)


WITH_TAX = {"tax_included": True, "tax_minor": 915, "total_minor": 5492}


def test_with_tax_in_the_prices_the_total_has_it_already(new_order):
    items = [replace(MUG, tax_minor=666), replace(SPOON, tax_minor=167)]
    assert checked(new_order(items=items, taxes=[vat(4577, 915)], **WITH_TAX)).total_minor == 5492


@pytest.mark.parametrize(
    ("figures", "items", "field"),
    [
        (WITH_TAX | {"tax_minor": 1098, "total_minor": 6590}, [MUG, SPOON], "total"),
        (WITH_TAX | {"tax_minor": 5493}, [MUG, SPOON], "tax"),
        (WITH_TAX | {"tax_minor": 5000}, [replace(MUG, tax_minor=3999), SPOON], "tax"),
        ({"taxes": [vat(5492, 1098)]}, [MUG, SPOON], "taxes"),
        ({"taxes": [vat(5492, 1100), vat(0, -1)]}, [MUG, SPOON], "taxes"),
        ({"taxes": [vat(-1, 1099)]}, [MUG, SPOON], "taxes"),
    ],
)
def test_taxes_that_do_not_add_up(new_order, figures, items, field):
    with pytest.raises(WrongFigures) as refusal:
        checked(new_order(items=items, **figures))
    assert refusal.value.field == field


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 500)), min_size=1, max_size=20), st.data())
def test_no_line_has_more_discount_than_it_costs(new_order, lines, data):
    items = [
        replace(MUG, sku=str(at), unit_price_minor=price, quantity=of, tax_minor=0)
        for at, (price, of) in enumerate(lines)
    ]
    subtotal = sum(item.subtotal_minor for item in items)
    discount = data.draw(st.integers(0, subtotal))
    new = new_order(
        items=items,
        subtotal_minor=subtotal,
        discount_minor=discount,
        shipping_minor=0,
        tax_minor=0,
        total_minor=subtotal - discount,
    )
    checked(new)
    assert sum(item.discount_minor for item in items) == discount
    assert all(0 <= item.discount_minor <= item.subtotal_minor for item in items)
