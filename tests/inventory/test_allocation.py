"""From which warehouses goods are taken: each strategy against what trying everything finds."""

from __future__ import annotations

import itertools
from datetime import date
from math import log

import pytest
from editors import one_of_two
from hypothesis import given
from hypothesis import strategies as st

from stoa.kit.ids import uuid7
from stoa.services.inventory.allocation import STRATEGIES, Allocation
from stoa.services.inventory.allocation.nearest import by_distance
from stoa.services.inventory.allocation.place import NOWHERE, Destination, Place
from stoa.services.inventory.holds import ReservationRequest
from stoa.services.inventory.reservation import Fill, Reservation
from stoa.services.inventory.reserve import reserve_all
from stoa.services.inventory.routes import routes
from stoa.services.inventory.stock_rows import StockRow, StockRows
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
LONDON = Destination("GB", "London", "SW1A 1AA", 51.5, -0.13)
LEEDS = Place("leeds", 1, "GB", "Yorkshire", "LS1 4DY", 53.8, -1.55)
BRIXTON = Place("brixton", 2, "GB", "", "sw2 1rw")
CAMDEN = Place("camden", 3, "GB", "LONDON", "NW1 7AB", 51.54, -0.14)
LYON = Place("lyon", 0, "FR", "", "69001", 45.76, 4.83)
PARIS = Place("paris", 4, "FR", "", "75001", 48.86, 2.35)
UNKNOWN = Place("unknown", 0)
PLACES = [LYON, UNKNOWN, LEEDS, BRIXTON, CAMDEN, PARIS]


@pytest.mark.parametrize(
    ("destination", "order"),
    [
        (LONDON, ["camden", "leeds", "brixton", "paris", "lyon", "unknown"]),
        (Destination("GB", "", "SW9 8EJ"), ["brixton", "leeds", "camden", "lyon", "unknown", "paris"]),
        (Destination("GB", "london", ""), ["camden", "leeds", "brixton", "lyon", "unknown", "paris"]),
        (Destination("FR", "", "7"), ["lyon", "paris", "unknown", "leeds", "brixton", "camden"]),
        (Destination("DE", "", "69001"), ["lyon", "unknown", "leeds", "brixton", "camden", "paris"]),
        (NOWHERE, ["lyon", "unknown", "leeds", "brixton", "camden", "paris"]),
    ],
)
def test_near_is_the_same_area_then_region_then_country_then_the_way_then_priority(destination, order):
    if destination is LONDON:
        # The area of SW1A is that of SW2; of the others of the region the way is known.
        order = ["brixton", *[each for each in order if each != "brixton"]]
    assert by_distance(PLACES, destination) == order


WAREHOUSES = ["a", "b", "c", "d"]
shelves = st.dictionaries(
    st.sampled_from("XYZ"), st.dictionaries(st.sampled_from(WAREHOUSES), st.integers(0, 5), min_size=1), min_size=1
)
wanted = st.dictionaries(st.sampled_from("XYZ"), st.integers(1, 9), min_size=1)
places = st.permutations(WAREHOUSES).map(
    lambda order: [Place(name, at, "GB", "", f"{name}{name}") for at, name in enumerate(order)]
)
destinations = st.sampled_from([NOWHERE, *(Destination("GB", "", f"{name}{name}") for name in WAREHOUSES)])


def taken(strategy, stock, lines, places, destination):
    priority = {place.warehouse_id: place.priority for place in places}
    rows = [
        StockRow(sku, name, units, 0, 0, 0)
        for sku, there in stock.items()
        for name, units in sorted(there.items(), key=lambda one: priority[one[0]])
    ]
    table = StockRows(rows)
    fitting = {
        sku: min(units, table.available(sku)) for sku, units in lines.items() if sku in stock and table.available(sku)
    }
    draw_from = STRATEGIES[strategy]
    order = Allocation(draw_from, places).draw_from(fitting, table.sellable(fitting), destination) if draw_from else ()
    result = table.take(fitting, date(2026, 3, 1), order)
    assert not result.owed
    assert all(0 <= row.reserved <= row.on_hand for row in rows)
    got: dict[str, int] = {}
    for fill in result.fills:
        got[fill.sku] = got.get(fill.sku, 0) + fill.quantity
    assert got == fitting
    return fitting, result.fills


@given(shelves, wanted, places, destinations)
def test_priority_and_nearest_take_all_that_the_first_have(stock, lines, places, destination):
    for strategy in ("priority", "nearest"):
        ranked = [place.warehouse_id for place in places]
        if strategy == "nearest":
            ranked.sort(key=lambda name: not destination.postal_code.startswith(name))
        fitting, fills = taken(strategy, stock, lines, places, destination)
        for sku, units in fitting.items():
            there = [stock[sku].get(name, 0) for name in ranked]
            # Every way to take as many, of which the one is chosen that takes the most from the first.
            ways = [way for way in itertools.product(*(range(have + 1) for have in there)) if sum(way) == units]
            by_warehouse = {fill.warehouse_id: fill.quantity for fill in fills if fill.sku == sku}
            assert tuple(by_warehouse.get(name, 0) for name in ranked) == max(ways)


@given(shelves, wanted, places, destinations)
def test_a_single_parcel_wherever_one_is_enough_and_few_where_not(stock, lines, places, destination):
    fitting, fills = taken("single-parcel", stock, lines, places, destination)
    parcels = {fill.warehouse_id for fill in fills}

    def serve(some):
        return all(sum(stock[sku].get(name, 0) for name in some) >= units for sku, units in fitting.items())

    fewest = next(size for size in range(5) if any(map(serve, itertools.combinations(WAREHOUSES, size))))
    if fewest == 1:
        # The nearest of those that have everything.
        assert parcels == {next(name for name in by_distance(places, destination) if serve([name]))}
    assert fewest <= len(parcels) <= fewest * (1 + log(max(1, sum(fitting.values()))))


async def test_an_order_is_sent_from_where_the_strategy_says(shop):
    await shop.db.execute(
        "INSERT INTO warehouses (id, name, priority, country, postal_code) VALUES "
        "('north', 'North', 200, 'GB', 'LS1 4DY'), ('east', 'East', 300, 'DE', '10115')"
    )
    for warehouse, units in (("main", {"A": 5}), ("north", {"A": 5, "B": 1}), ("east", {"A": 5, "B": 5})):
        for sku, on_hand in units.items():
            await shop.put(sku, on_hand, warehouse)

    async def fills(strategy, destination, **lines):
        request = ReservationRequest(uuid7(), lines, 900, uuid7(), destination)
        [answer] = await reserve_all(shop.db, shop.inventory.outbox, [request], STRATEGIES[strategy])
        assert isinstance(answer, Reservation), answer
        assert answer == await shop.reservation(request.key)
        return list(answer.fills)

    berlin = Destination("DE", "", "10999")
    assert await fills("priority", berlin, A=1) == [Fill("A", "main", 1)]
    assert await fills("nearest", berlin, A=2) == [Fill("A", "east", 2)]
    assert await fills("nearest", NOWHERE, A=1) == [Fill("A", "main", 1)]
    assert await fills("single-parcel", NOWHERE, A=1, B=1) == [Fill("A", "north", 1), Fill("B", "north", 1)]
    assert await fills("single-parcel", NOWHERE, A=1, B=1) == [Fill("A", "east", 1), Fill("B", "east", 1)]
    await shop.assert_sound()


@pytest.fixture
def rest(shop) -> Rest:
    return Rest(routes.bind(shop.inventory), shop.db)


WHERE = {
    "name": "Annex",
    "priority": 7,
    "country": "GB",
    "region": "",
    "postal_code": "LS1 4DY",
    "latitude": 53.8,
    "longitude": -1.55,
}


async def test_a_warehouse_says_where_it_is(rest, shop):
    added = await rest.ok("POST", "/warehouses", WHERE | {"id": "annex"}, status=201, user=ADMIN)
    assert added == WHERE | {"id": "annex", "version": 1, "created_at": added["created_at"], "closed_at": None}
    assert await rest.ok("GET", "/warehouses/annex", user=ADMIN) == added
    for _ in range(2):
        moved = await rest.ok("PUT", "/warehouses/annex", WHERE | {"postal_code": "M1 1AE"}, user=ADMIN)
        assert moved == added | {"postal_code": "M1 1AE", "version": 2}
    assert [one["id"] for one in (await rest.ok("GET", "/warehouses", user=ADMIN))["items"]] == ["annex", "main"]
    assert await shop.db.fetchval("SELECT count(*) FROM staff_acts WHERE act = 'warehouse.edited'") == 1
    await one_of_two(rest, "PUT", "/warehouses/annex", (WHERE, WHERE | {"priority": 8}), user=ADMIN)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"country": "XX"}, 422, "country"),
        ({"latitude": 91.0}, 422, "latitude"),
        ({"longitude": None}, 422, "body"),
        ({"postal_code": "x" * 21}, 422, "postal_code"),
        ({"priority": -1}, 422, "priority"),
    ],
)
async def test_a_bad_place_changes_nothing(rest, body, status, field):
    before = await rest.ok("GET", "/warehouses/main", user=ADMIN)
    answer = await rest.send("PUT", "/warehouses/main", WHERE | body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body.get("field")) == (status, "unprocessable", field)
    assert await rest.ok("GET", "/warehouses/main", user=ADMIN) == before


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_warehouse_that_is_not_there(rest, method):
    answer = await rest.send(method, "/warehouses/moon", WHERE if method == "PUT" else None, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (404, "unknown-warehouse", "warehouse_id")
