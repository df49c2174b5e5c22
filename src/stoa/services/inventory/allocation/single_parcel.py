"""Single parcel: from one warehouse if any has everything, else from few.

The fewest warehouses is a covering problem, which no quick way solves for sure. Taking the one that has the most of
what is left, again and again, finds one parcel wherever one is enough, and seldom one more than is needed where it is
not. Of those that have as much the nearest is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.services.inventory.allocation.nearest import by_distance
from stoa.services.inventory.allocation.place import Destination, Place, Shelves
from stoa.services.inventory.reservation import Lines


def draw_from(lines: Lines, shelves: Shelves, places: Sequence[Place], destination: Destination) -> Sequence[str]:
    candidates = by_distance(places, destination)
    left = dict(lines)
    chosen: list[str] = []
    while candidates:
        best = max(candidates, key=lambda warehouse: _units(left, shelves, warehouse))
        if not _units(left, shelves, best):
            break
        chosen.append(best)
        candidates.remove(best)
        left = {sku: units - min(units, shelves[sku].get(best, 0)) for sku, units in left.items()}
    return chosen


def _units(left: Lines, shelves: Shelves, warehouse: str) -> int:
    """How many of those that are left it has."""
    return sum([min(units, shelves[sku].get(warehouse, 0)) for sku, units in left.items()])
