"""What a cart may hold."""

import pytest

from stoa.kit.money import Money
from stoa.services.cart import lines
from stoa.services.cart.errors import CartFull, OutOfStock, QuantityTooLarge
from stoa.services.cart.product_snapshot import Offer, ProductSnapshot


def test_quantities_add_up():
    assert lines.add({"MUG": 2}, "MUG", 3, available=5) == {"MUG": 5}
    assert lines.add({"MUG": 2}, "SPOON", 3, available=None) == {"MUG": 2, "SPOON": 3}
    assert lines.put({"MUG": 2}, "MUG", 3, available=3) == {"MUG": 3}
    assert lines.remove({"MUG": 2, "SPOON": 1}, "MUG") == {"SPOON": 1}
    assert lines.remove({"MUG": 2}, "SPOON") == {"MUG": 2}


def test_what_was_bought_is_taken_out():
    assert lines.take_out({"MUG": 3, "SPOON": 1, "FORK": 2}, {"MUG": 1, "SPOON": 1}) == {"MUG": 2, "FORK": 2}
    assert lines.take_out({"MUG": 1}, {"MUG": 5, "KNIFE": 1}) == {}
    assert lines.take_out({}, {"MUG": 1}) == {}


@pytest.mark.parametrize("change", [lines.add, lines.put])
def test_a_line_costs_no_more_than_an_amount_can_be(change):
    snapshot = ProductSnapshot({"YACHT": Offer("p", "Yacht", Money(100_000_000_000, "GBP"))})
    most = snapshot.most_of("YACHT")
    assert (most, most * 100_000_000_000 <= 2**53 - 1 < (most + 1) * 100_000_000_000) == (90_071, True)
    assert change({}, "YACHT", most, None, most) == {"YACHT": most}
    with pytest.raises(QuantityTooLarge) as refusal:
        change({}, "YACHT", most + 1, None, most)
    assert (refusal.value.field, refusal.value.members) == ("quantity", {"sku": "YACHT"})


def test_what_is_in_the_cart_counts_against_what_there_is():
    with pytest.raises(OutOfStock) as refusal:
        lines.add({"MUG": 2}, "MUG", 3, available=4)
    assert (refusal.value.field, refusal.value.members) == ("quantity", {"sku": "MUG", "available": 4})


def test_the_limit_of_a_line():
    assert lines.add({"MUG": 99_999}, "MUG", 1, available=None) == {"MUG": 100_000}
    with pytest.raises(QuantityTooLarge):
        lines.add({"MUG": 99_999}, "MUG", 2, available=None)


def test_merging_adds_up_to_the_limit_or_takes_the_larger():
    mine, guests = {"MUG": 2, "FORK": 99_999}, {"MUG": 1, "SPOON": 4, "FORK": 9}
    assert lines.added_up(mine, guests) == {"MUG": 3, "SPOON": 4, "FORK": 100_000}
    assert lines.larger_of(mine, guests) == {"MUG": 2, "SPOON": 4, "FORK": 99_999}
    assert lines.larger_of(guests, mine) == {"MUG": 2, "SPOON": 4, "FORK": 99_999}


def test_the_limit_of_a_cart():
    full = {f"S{at}": 1 for at in range(lines.MOST_LINES)}
    assert lines.within_limit(full) == full
    with pytest.raises(CartFull) as refusal:
        lines.within_limit({**full, "ONE-MORE": 1})
    assert (refusal.value.type, refusal.value.members) == ("/problems/cart-full", {"limit": 1000})
