"""The stock of some SKUs while we hold their locks: what is decided over it, before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from stoa.services.inventory.reservation import Fill, Lines


@dataclass(slots=True)
class Shelf:
    """One SKU in one warehouse. `version` counts the row's changes."""

    sku: str
    warehouse_id: str
    on_hand: int
    reserved: int
    version: int

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class Shortage(NamedTuple):
    """A line that does not fit: what was asked for and what there is."""

    sku: str
    requested: int
    available: int


class Change(NamedTuple):
    """By how much the row of a SKU in a warehouse differs from what was read."""

    sku: str
    warehouse_id: str
    on_hand: int
    reserved: int


class Turn(NamedTuple):
    """A SKU's total went to zero or left it; `version` is the SKU's after the change."""

    sku: str
    version: int
    available: int


class Shelves:
    """Rows as read under the lock, each SKU's in the order in which its warehouses are drawn from."""

    def __init__(self, rows: Iterable[Shelf]) -> None:
        self._rows: dict[str, list[Shelf]] = {}
        for row in rows:
            self._rows.setdefault(row.sku, []).append(row)
        self._read = {sku: [replace(shelf) for shelf in shelves] for sku, shelves in self._rows.items()}
        self._free = {sku: sum(shelf.available for shelf in shelves) for sku, shelves in self._rows.items()}

    def shelf(self, sku: str, warehouse_id: str) -> Shelf | None:
        return next((shelf for shelf in self._rows.get(sku, ()) if shelf.warehouse_id == warehouse_id), None)

    def add(self, shelf: Shelf) -> None:
        """A row that was made after the reading."""
        self._rows.setdefault(shelf.sku, []).append(shelf)
        self._read.setdefault(shelf.sku, []).append(replace(shelf))
        self._free[shelf.sku] = self._free.get(shelf.sku, 0) + shelf.available

    def available(self, sku: str) -> int:
        """In all warehouses together; zero of an unknown SKU."""
        return self._free.get(sku, 0)

    def short_of(self, lines: Lines) -> list[Shortage]:
        """The lines that do not fit; none: `take` will succeed."""
        free = self._free
        return [Shortage(sku, units, free.get(sku, 0)) for sku, units in lines.items() if units > free.get(sku, 0)]

    def take(self, lines: Lines) -> tuple[Fill, ...]:
        """Reserve all `lines`, which must fit, from the warehouses in their order."""
        fills = []
        for sku, units in lines.items():
            left = units
            for shelf in self._rows[sku]:
                taken = min(left, shelf.available)
                if taken:
                    shelf.reserved += taken
                    left -= taken
                    fills.append(Fill(sku, shelf.warehouse_id, taken))
            assert left == 0, f"{sku}: {left} of {units} do not fit"
            self._free[sku] -= units
        return tuple(fills)

    def give_back(self, fills: Sequence[Fill]) -> None:
        """What was reserved is available again."""
        for fill in fills:
            shelf = self._known(fill.sku, fill.warehouse_id)
            shelf.reserved -= fill.quantity
            assert shelf.reserved >= 0, f"{fill} was not reserved"
            self._free[fill.sku] += fill.quantity

    def count(self, sku: str, warehouse_id: str, units: int) -> None:
        """So many more (less, below zero) are on hand."""
        shelf = self._known(sku, warehouse_id)
        shelf.on_hand += units
        assert shelf.available >= 0, f"{sku} in {warehouse_id}: on hand {shelf.on_hand}, reserved {shelf.reserved}"
        self._free[sku] += units

    def _known(self, sku: str, warehouse_id: str) -> Shelf:
        shelf = self.shelf(sku, warehouse_id)
        assert shelf is not None, f"there is no {sku} in {warehouse_id}"
        return shelf

    def changes(self) -> list[Change]:
        """The rows that differ from what was read, each once."""
        return [
            Change(now.sku, now.warehouse_id, now.on_hand - was.on_hand, now.reserved - was.reserved)
            for sku, shelves in self._rows.items()
            for now, was in zip(shelves, self._read[sku], strict=True)
            if now != was
        ]

    def turns(self) -> list[Turn]:
        """The SKUs whose total was zero and is not, or the reverse. Each changed row adds one to the version."""
        turned = []
        for sku, shelves in self._rows.items():
            was = sum(shelf.available for shelf in self._read[sku])
            now = self._free[sku]
            if (was == 0) != (now == 0):
                changed = sum(one != other for one, other in zip(shelves, self._read[sku], strict=True))
                turned.append(Turn(sku, sum(shelf.version for shelf in shelves) + changed, now))
        return turned
