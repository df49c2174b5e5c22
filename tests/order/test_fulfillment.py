"""What has left and arrived, by units and parcels; and what may be in a parcel."""

from itertools import product

import pytest

from stoa.services.order.errors import DuplicateLine, GoodsToComeYet, MoreThanLeft, NotInOrder
from stoa.services.order.fulfillment import FulfillmentStatus, Units, fulfillment_status, packed


@pytest.mark.parametrize(
    ("lines", "arrived", "status"),
    [
        ([(2, 0, 0, 0), (3, 0, 0, 0)], [], "unfulfilled"),
        ([(2, 2, 0, 0), (3, 1, 0, 0)], [], "unfulfilled"),
        ([(2, 2, 0, 0), (3, 3, 0, 0)], [], "canceled"),
        ([(2, 0, 2, 0), (3, 0, 0, 0)], [False], "partially_shipped"),
        ([(2, 0, 2, 0), (3, 0, 0, 0)], [True], "partially_shipped"),
        ([(2, 0, 2, 2), (3, 0, 0, 0)], [True], "partially_shipped"),
        ([(2, 0, 2, 0), (3, 3, 0, 0)], [False], "shipped"),
        ([(2, 0, 2, 0), (3, 0, 3, 0)], [False, False], "shipped"),
        ([(2, 0, 2, 0), (3, 0, 3, 0)], [False, True], "partially_delivered"),
        ([(2, 0, 2, 0), (3, 1, 2, 0)], [True, True], "delivered"),
        ([(2, 0, 2, 1), (3, 0, 3, 3)], [True], "delivered"),
        ([(2, 0, 2, 2), (3, 0, 3, 3)], [True], "returned"),
        ([(2, 0, 2, 2), (3, 2, 1, 1)], [False], "returned"),
    ],
)
def test_the_status_of_units_and_parcels(lines, arrived, status):
    assert fulfillment_status([Units(*line) for line in lines], arrived) == status


def test_whatever_becomes_of_the_units_one_status_is_right():
    for canceled, shipped, returned, arrived in product(range(4), range(4), range(4), (True, False)):
        if canceled + shipped > 3 or returned > shipped:
            continue
        found = fulfillment_status([Units(3, canceled, shipped, returned)], [arrived] if shipped else [])
        assert (found is FulfillmentStatus.PARTIALLY_SHIPPED) == (0 < shipped < 3 - canceled)
        assert (found is FulfillmentStatus.CANCELED) == (canceled == 3)


LINES = {"MUG": Units(5, 1, 1, 0), "SPOON": Units(3, 0, 3, 1), "FORK": Units(2, 0, 0, 0)}


def test_a_parcel_has_what_is_wanted_or_all_that_is_left():
    assert packed(LINES, None, {}) == [("MUG", 3), ("FORK", 2)]
    assert packed(LINES, [("FORK", 1), ("MUG", 3)], {}) == [("FORK", 1), ("MUG", 3)]
    assert packed(LINES, [("MUG", 1), ("FORK", 2)], {"MUG": 2}) == [("MUG", 1), ("FORK", 2)]
    # What is still to come may be of units that were canceled a moment ago, or of another line.
    assert packed(LINES, [("FORK", 2)], {"MUG": 9, "SPOON": 1}) == [("FORK", 2)]


@pytest.mark.parametrize(
    ("wanted", "failure", "field", "members"),
    [
        ([("MUG", 4)], MoreThanLeft, "items[0].quantity", {"sku": "MUG", "left": 3}),
        ([("FORK", 1), ("SPOON", 1)], MoreThanLeft, "items[1].quantity", {"sku": "SPOON", "left": 0}),
        ([("KNIFE", 1)], NotInOrder, "items[0].sku", {"sku": "KNIFE"}),
        ([("MUG", 1), ("FORK", 1), ("MUG", 1)], DuplicateLine, "items[2].sku", {"sku": "MUG"}),
    ],
)
def test_what_cannot_be_in_a_parcel(wanted, failure, field, members):
    with pytest.raises(failure) as refusal:
        packed(LINES, wanted, {})
    assert (refusal.value.field, refusal.value.members) == (field, members)


@pytest.mark.parametrize("wanted", [None, [("MUG", 2)], [("FORK", 1), ("MUG", 3)]])
def test_what_is_not_on_hand_cannot_leave(wanted):
    with pytest.raises(GoodsToComeYet) as refusal:
        packed(LINES, wanted, {"MUG": 2, "SPOON": 1})
    assert refusal.value.members == {"skus": [{"sku": "MUG", "quantity": 2}]}
