"""Which zone a destination is in."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from stoa.ports.destination import Destination
from stoa.services.checkout.places import Place, Places, check_apart, check_places
from stoa.services.checkout.zones_errors import BadPlace, PlaceTaken, PlaceTwice


class Zone(NamedTuple):
    name: str
    places: tuple[Place, ...]
    id: str = "z"


CANADA = Zone("canada", (Place(country="CA"),))
QUEBEC = Zone("quebec", (Place(country="CA", region="Quebec"),))
MONTREAL = Zone("montreal", (Place(country="CA", region="QC", postal_prefix="h3"),))
WESTMOUNT = Zone("westmount", (Place(country="CA", postal_prefix="H3Z"), Place(country="GB", postal_prefix="SW1")))
ALL = Places([CANADA, QUEBEC, MONTREAL, WESTMOUNT])


@pytest.mark.parametrize(
    ("destination", "zone"),
    [
        (Destination("CA"), CANADA),
        (Destination("CA", region="Ontario", postal_code="K1A 0B1"), CANADA),
        (Destination("CA", region="québec", postal_code="G1A 0B1"), QUEBEC),
        (Destination("CA", region="CA-QC"), QUEBEC),
        (Destination("CA", region=" qc ", postal_code="h3a 0b1"), MONTREAL),
        (Destination("CA", region="QC", postal_code="H3Z 2Y7"), WESTMOUNT),
        (Destination("CA", postal_code="H3-Z2Y7"), WESTMOUNT),
        (Destination("GB", postal_code="sw1a1aa"), WESTMOUNT),
        (Destination("GB", postal_code="NW1 6XE"), None),
        (Destination("GB"), None),
        (Destination("US"), None),
    ],
)
def test_the_place_that_says_the_most_holds_alone(destination, zone):
    assert ALL.find(destination) == zone


@pytest.mark.parametrize(
    ("places", "failure", "field"),
    [
        ([Place(country="CA", region="Bavaria")], BadPlace, "places[0].region"),
        ([Place(country="GB"), Place(country="GB", postal_prefix=" - ")], BadPlace, "places[1].postal_prefix"),
        ([Place(country="GB"), Place(country="FR"), Place(country="GB")], PlaceTwice, "places[2]"),
        ([Place(country="CA", region="QC"), Place(country="CA", region="Québec")], PlaceTwice, "places[1]"),
        (
            [Place(country="GB", postal_prefix="SW 1"), Place(country="GB", postal_prefix="sw1")],
            PlaceTwice,
            "places[1]",
        ),
    ],
)
def test_places_that_cannot_be(places, failure, field):
    with pytest.raises(failure) as refusal:
        check_places(places)
    assert refusal.value.field == field


def test_a_place_is_in_one_zone():
    with pytest.raises(PlaceTaken) as taken:
        check_apart([Place(country="FR"), Place(country="CA", region="Quebec")], [CANADA, QUEBEC])
    assert (taken.value.field, taken.value.members["zone"]) == ("places[1]", "z")
    check_apart([Place(country="CA", region="Ontario")], [CANADA, QUEBEC])
