"""Nearest: from the warehouse that is nearest to where the goods go.

By steps, as parcels are priced: the same postal area of the same country, the same region of it, the same country,
anywhere else. Within a step by the way as the crow flies, where both coordinates are known; then by priority.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, cos, inf, radians, sin, sqrt

from stoa.services.inventory.allocation.place import Destination, Place, Shelves
from stoa.services.inventory.reservation import Lines

AREA = 2
"""Characters of a postal code that name an area: a city or a part of the country, in most of them."""
EARTH_RADIUS_KM = 6371.0


def draw_from(lines: Lines, shelves: Shelves, places: Sequence[Place], destination: Destination) -> Sequence[str]:  # noqa: ARG001 - what each has does not matter
    return by_distance(places, destination)


def by_distance(places: Sequence[Place], destination: Destination) -> list[str]:
    """The warehouses, the nearest first."""
    ordered = sorted(
        places,
        key=lambda place: (_step(place, destination), _km(place, destination), place.priority, place.warehouse_id),
    )
    return [place.warehouse_id for place in ordered]


def _step(place: Place, destination: Destination) -> int:
    if not destination.country or place.country != destination.country:
        return 3
    area = _area(destination.postal_code)
    if area and _area(place.postal_code) == area:
        return 0
    if destination.region and place.region.casefold() == destination.region.casefold():
        return 1
    return 2


def _area(postal_code: str) -> str:
    """Empty where there is no whole one."""
    area = "".join(postal_code.split()).upper()[:AREA]
    return area if len(area) == AREA else ""


def _km(place: Place, destination: Destination) -> float:
    """Along a great circle; infinite where it is not known."""
    known = (place.latitude, place.longitude, destination.latitude, destination.longitude)
    if None in known:
        return inf
    here, there = radians(place.latitude or 0), radians(destination.latitude or 0)
    east = radians((destination.longitude or 0) - (place.longitude or 0))
    chord = sin((there - here) / 2) ** 2 + cos(here) * cos(there) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, chord)))
