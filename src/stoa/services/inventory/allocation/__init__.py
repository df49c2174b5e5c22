"""Allocation: from which warehouses an order's goods are taken.

A strategy answers with the warehouses in the order in which this order is to draw from them: of each line the first has
what it can, then the next. Pure: what each has, where each is, and where the goods go are told.

* `priority`: as the shop has put them. That is the order in which stock is read anyway, so it is no function.
* `nearest`: by how near they are to where the goods go.
* `single-parcel`: the one that has everything, or else as few as can be found by taking the one that has the most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stoa.services.inventory.allocation import nearest, single_parcel
from stoa.services.inventory.allocation.place import Destination, Place, Shelves
from stoa.services.inventory.reservation import Lines

Strategy = Callable[[Lines, Shelves, Sequence[Place], Destination], Sequence[str]]


@dataclass(frozen=True)
class Allocation:
    """A strategy, and where the warehouses are."""

    strategy: Strategy
    places: Sequence[Place]

    def draw_from(self, lines: Lines, shelves: Shelves, destination: Destination) -> Sequence[str]:
        return self.strategy(lines, shelves, self.places, destination)


STRATEGIES: Mapping[str, Strategy | None] = {
    "priority": None,
    "nearest": nearest.draw_from,
    "single-parcel": single_parcel.draw_from,
}
