"""Who gets what: the decision alone, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stoa.kit.ids import first_uuid7
from stoa.kit.problems import Problem
from stoa.services.inventory.errors import OutOfStock, ReservationKeyReused, ReservationReleased
from stoa.services.inventory.holds import ReservationRequest, decide
from stoa.services.inventory.reservation import Fill, Reservation
from stoa.services.inventory.states import State
from stoa.services.inventory.stock_rows import StockChange, StockRow, StockRows, Turn

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
END = NOW + timedelta(seconds=900)
ID = first_uuid7(NOW)


def rows_of(*rows: tuple[str, str, int, int]) -> StockRows:
    return StockRows([StockRow(sku, warehouse, on_hand, reserved, 7, 5) for sku, warehouse, on_hand, reserved in rows])


def request(key: str, **lines: int) -> ReservationRequest:
    return ReservationRequest(key, lines, 900)


def known(state: State, *fills: Fill, key: str = "k", expires_at: datetime | None = END) -> dict[str, Reservation]:
    return {key: Reservation(ID, key, state, fills, expires_at)}


def test_a_wish_is_filled_from_warehouses_in_their_order():
    stock = rows_of(("A", "near", 3, 1), ("A", "far", 9, 0), ("B", "far", 1, 0))
    holds = decide([request("k", A=4, B=1)], {}, stock, NOW)
    (granted,) = holds.results
    assert isinstance(granted, Reservation)
    assert granted.fills == (Fill("A", "near", 2), Fill("A", "far", 2), Fill("B", "far", 1))
    assert (granted.state, granted.expires_at, granted.lines) == (State.HELD, END, {"A": 4, "B": 1})
    assert holds.made == {"k": granted}
    assert stock.changes() == [
        StockChange("A", "near", 0, 2),
        StockChange("A", "far", 0, 2),
        StockChange("B", "far", 0, 1),
    ]
    assert stock.turns() == [Turn("B", 8, 0)]


def test_what_does_not_fit_takes_nothing_and_lets_the_next_try():
    stock = rows_of(("A", "main", 5, 0), ("B", "main", 1, 0))
    holds = decide([request("big", A=5, B=2, C=1), request("small", A=5)], {}, stock, NOW)
    refused, granted = holds.results
    assert isinstance(refused, OutOfStock)
    assert refused.members["skus"] == [
        {"sku": "B", "requested": 2, "available": 1},
        {"sku": "C", "requested": 1, "available": 0},
    ]
    assert isinstance(granted, Reservation)
    assert stock.changes() == [StockChange("A", "main", 0, 5)]


def test_the_first_to_come_is_the_first_to_get():
    holds = decide([request(f"k{at}", A=1) for at in range(5)], {}, rows_of(("A", "main", 3, 0)), NOW)
    assert [isinstance(result, Reservation) for result in holds.results] == [True, True, True, False, False]


def test_the_same_key_twice_in_one_batch_is_one_reservation():
    stock = rows_of(("A", "main", 3, 0))
    holds = decide([request("k", A=2), ReservationRequest("k", {"A": 2}, 1000), request("k", A=1)], {}, stock, NOW)
    first, second, third = holds.results
    assert isinstance(first, Reservation)
    assert second == replace(first, expires_at=NOW + timedelta(seconds=1000))
    assert isinstance(third, ReservationKeyReused)
    assert (list(holds.made.values()), holds.renewed) == ([second], {})
    assert stock.changes() == [StockChange("A", "main", 0, 2)]


def test_a_repeat_renews_and_takes_nothing():
    stock = rows_of(("A", "main", 3, 2))
    before = known(State.HELD, Fill("A", "main", 2), expires_at=NOW)
    holds = decide([request("k", A=2)], before, stock, NOW)
    assert holds.results == [replace(before["k"], expires_at=END)]
    assert (holds.made, holds.retaken, list(holds.renewed)) == ({}, {}, ["k"])
    assert stock.changes() == []


def test_a_hold_is_extended_for_a_day_at_most():
    last = NOW + timedelta(days=1)
    before = known(State.HELD, Fill("A", "main", 2), expires_at=last - timedelta(seconds=1))
    for at, ends in ((last - timedelta(seconds=900), last), (last, last), (last + timedelta(seconds=5), last)):
        (extended,) = decide([request("k", A=2)], before, rows_of(("A", "main", 3, 2)), at).results
        assert isinstance(extended, Reservation)
        assert extended.expires_at == ends
    # One that was asked for longer at first keeps what it was given.
    longer = known(State.HELD, Fill("A", "main", 2), expires_at=last + timedelta(hours=1))
    assert decide([request("k", A=2)], longer, rows_of(("A", "main", 3, 2)), NOW).results == [longer["k"]]


def test_an_expired_one_takes_its_stock_again_where_it_is_now():
    stock = rows_of(("A", "near", 0, 0), ("A", "far", 2, 0))
    holds = decide([request("k", A=2), request("k", A=2)], known(State.EXPIRED, Fill("A", "near", 2)), stock, NOW)
    assert holds.results == [Reservation(ID, "k", State.HELD, (Fill("A", "far", 2),), END)] * 2
    assert (holds.made, list(holds.retaken), holds.renewed) == ({}, ["k"], {})


def test_an_expired_one_whose_stock_is_gone_stays_expired():
    holds = decide([request("k", A=2)], known(State.EXPIRED, Fill("A", "main", 2)), rows_of(("A", "main", 2, 1)), NOW)
    assert isinstance(holds.results[0], OutOfStock)
    assert (holds.made, holds.retaken, holds.renewed) == ({}, {}, {})


@pytest.mark.parametrize("fills", [(), (Fill("A", "main", 2),)])
def test_a_released_key_is_spent(fills):
    stock = rows_of(("A", "main", 9, 0))
    holds = decide([request("k", A=2)], known(State.RELEASED, *fills), stock, NOW)
    assert isinstance(holds.results[0], ReservationReleased)
    assert stock.changes() == []


@pytest.mark.parametrize("state", [State.ALLOCATED, State.COMMITTED])
def test_what_is_promised_or_sold_answers_as_it_is(state):
    stock = rows_of(("A", "main", 9, 2))
    before = known(state, Fill("A", "main", 2))
    holds = decide([request("k", A=2)], before, stock, NOW)
    assert holds.results == [before["k"]]
    assert (holds.made, holds.retaken, holds.renewed, stock.changes()) == ({}, {}, {}, [])


skus = st.sampled_from("ABC")
warehouses = st.sampled_from(["near", "far"])
stocks = st.dictionaries(st.tuples(skus, warehouses), st.integers(0, 6))
requests = st.lists(
    st.builds(
        ReservationRequest,
        st.sampled_from([f"k{n}" for n in range(6)]),
        st.dictionaries(skus, st.integers(1, 4), min_size=1),
        st.just(900),
    ),
    max_size=20,
)


@given(stocks, requests)
def test_never_oversold_whole_or_nothing_in_order(stock, asked):
    rows = [StockRow(sku, warehouse, units, 0, 0, 0) for (sku, warehouse), units in stock.items()]
    table = StockRows(rows)
    holds = decide(asked, {}, table, NOW)

    # A plain account of the same: one number per SKU, one request after the other.
    free = {sku: sum(units for (one, _), units in stock.items() if one == sku) for sku in "ABC"}
    granted: dict[str, ReservationRequest] = {}
    for one, result in zip(asked, holds.results, strict=True):
        before = granted.get(one.key)
        if before is not None:
            assert isinstance(result, Reservation if before.lines == one.lines else ReservationKeyReused)
        elif all(units <= free[sku] for sku, units in one.lines.items()):
            assert isinstance(result, Reservation)
            assert result.lines == dict(sorted(one.lines.items()))
            granted[one.key] = one
            for sku, units in one.lines.items():
                free[sku] -= units
        else:
            assert isinstance(result, OutOfStock)
    assert {sku: table.available(sku) for sku in "ABC"} == free
    assert all(0 <= row.reserved <= row.on_hand for row in rows)

    # What is to be written says the same as the answers.
    written: dict[tuple[str, str], int] = {}
    for made in holds.made.values():
        for fill in made.fills:
            place = (fill.sku, fill.warehouse_id)
            written[place] = written.get(place, 0) + fill.quantity
    assert {(one.sku, one.warehouse_id): one.reserved for one in table.changes()} == written
    assert all(not isinstance(result, Problem) or result.status == 409 for result in holds.results)
