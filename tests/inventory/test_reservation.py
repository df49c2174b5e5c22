"""States and returns, without a database."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.services.inventory.allocate import Promise, decide
from stoa.services.inventory.errors import (
    NoSuchReservation,
    ReservationExpired,
    ReservationPromised,
    ReservationReleased,
)
from stoa.services.inventory.reservation import Fill, Reservation, put_back
from stoa.services.inventory.states import ImpossibleTransition, State, check

ALLOWED = {
    ("held", "held"),
    ("held", "allocated"),
    ("held", "committed"),
    ("held", "released"),
    ("held", "expired"),
    ("allocated", "committed"),
    ("allocated", "released"),
    ("committed", "released"),
    ("expired", "held"),
    ("expired", "allocated"),
    ("expired", "released"),
}


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_only_these_ways_lead_from_state_to_state(before, after):
    if (before, after) in ALLOWED:
        check(before, after)
    else:
        with pytest.raises(ImpossibleTransition):
            check(before, after)


def reservation(state: State, order_id: str | None = None) -> Reservation:
    return Reservation("id", "k", state, (Fill("A", "main", 2),), order_id=order_id)


def test_a_hold_is_promised_once_in_a_batch():
    held = reservation(State.HELD)
    results, promised = decide([Promise("k", "o1"), Promise("k", "o1"), Promise("k", "o2")], {"k": held})
    allocated = reservation(State.ALLOCATED, "o1")
    assert results[:2] == [allocated, allocated]
    assert isinstance(results[2], ReservationPromised)
    assert promised == [allocated]


@pytest.mark.parametrize("state", [State.ALLOCATED, State.COMMITTED])
def test_a_repeat_answers_as_it_is(state):
    before = reservation(state, "o1")
    assert decide([Promise("k", "o1")], {"k": before}) == ([before], [])


@pytest.mark.parametrize(
    ("state", "problem"), [(State.EXPIRED, ReservationExpired), (State.RELEASED, ReservationReleased)]
)
def test_what_was_given_back_cannot_be_promised(state, problem):
    results, promised = decide([Promise("k", "o1"), Promise("unknown", "o2")], {"k": reservation(state)})
    assert [type(result) for result in results] == [problem, NoSuchReservation]
    assert promised == []


def test_returns_go_back_where_they_were_sold_from():
    fills = (Fill("A", "near", 2, 1), Fill("A", "far", 3), Fill("B", "far", 1, 1))
    back, left = put_back(fills, {"A": 3, "B": 1, "C": 2})
    assert back == [Fill("A", "near", 1), Fill("A", "far", 2)]
    assert left == {"B": 1, "C": 2}


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 5)), max_size=4),
    st.dictionaries(st.sampled_from("ABC"), st.integers(1, 20)),
)
def test_no_unit_comes_back_twice_or_is_lost(sold, lines):
    fills = [Fill(sku, f"w{at}", units, units // 2) for at, (sku, units) in enumerate(sold)]
    back, left = put_back(fills, lines)
    for sku, units in lines.items():
        assert sum(one.quantity for one in back if one.sku == sku) + left.get(sku, 0) == units
    room = {(fill.sku, fill.warehouse_id): fill.quantity - fill.returned for fill in fills}
    assert all(0 < one.quantity <= room[one.sku, one.warehouse_id] for one in back)
