"""The stock of some SKUs while we hold their locks: what is decided over it, before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from stoa.services.inventory.reservation import Fill, Lines


@dataclass(slots=True)
class StockRow:
    """One SKU in one warehouse. `version` counts the row's changes, `holds` those of them that left `on_hand` alone."""

    sku: str
    warehouse_id: str
    on_hand: int
    reserved: int
    version: int
    holds: int

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class Shortage(NamedTuple):
    """A line that does not fit: what was asked for and what there is."""

    sku: str
    requested: int
    available: int


class StockChange(NamedTuple):
    """By how much the row of a SKU in a warehouse differs from what was read."""

    sku: str
    warehouse_id: str
    on_hand: int
    reserved: int


class ZeroCrossing(NamedTuple):
    """A SKU's total went to zero or left it; `version` is the SKU's after the change."""

    sku: str
    version: int
    available: int


def version_of(stock: Iterable[StockRow]) -> int:
    """How often it changed what is on hand of a SKU: whoever counts the shelf says which of these they have seen."""
    return sum(row.version - row.holds for row in stock)


class StockRows:
    """Rows as read under the lock, each SKU's in the order in which its warehouses are drawn from."""

    def __init__(self, rows: Iterable[StockRow]) -> None:
        self._rows: dict[str, list[StockRow]] = {}
        for row in rows:
            self._rows.setdefault(row.sku, []).append(row)
        self._read = {sku: [replace(row) for row in stock] for sku, stock in self._rows.items()}
        self._free = {sku: sum(row.available for row in stock) for sku, stock in self._rows.items()}

    @property
    def as_read(self) -> int:
        """A number that every change of a row makes greater, and every new row."""
        return sum(row.version + 1 for stock in self._read.values() for row in stock)

    def row(self, sku: str, warehouse_id: str) -> StockRow | None:
        return next((row for row in self._rows.get(sku, ()) if row.warehouse_id == warehouse_id), None)

    def version(self, sku: str) -> int | None:
        """As it was read; None of a SKU that has no stock anywhere."""
        return version_of(self._read[sku]) if sku in self._read else None

    def add(self, row: StockRow) -> None:
        """A row that was made after the reading."""
        self._rows.setdefault(row.sku, []).append(row)
        self._read.setdefault(row.sku, []).append(replace(row))
        self._free[row.sku] = self._free.get(row.sku, 0) + row.available

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
            for row in self._rows[sku]:
                taken = min(left, row.available)
                if taken:
                    row.reserved += taken
                    left -= taken
                    fills.append(Fill(sku, row.warehouse_id, taken))
            assert left == 0, f"{sku}: {left} of {units} do not fit"
            self._free[sku] -= units
        return tuple(fills)

    def give_back(self, fills: Sequence[Fill]) -> None:
        """What was reserved is available again."""
        for fill in fills:
            row = self._known(fill.sku, fill.warehouse_id)
            row.reserved -= fill.quantity
            assert row.reserved >= 0, f"{fill} was not reserved"
            self._free[fill.sku] += fill.quantity

    def count(self, sku: str, warehouse_id: str, units: int) -> None:
        """So many more (less, below zero) are on hand."""
        row = self._known(sku, warehouse_id)
        row.on_hand += units
        assert row.available >= 0, f"{sku} in {warehouse_id}: on hand {row.on_hand}, reserved {row.reserved}"
        self._free[sku] += units

    def _known(self, sku: str, warehouse_id: str) -> StockRow:
        row = self.row(sku, warehouse_id)
        assert row is not None, f"there is no {sku} in {warehouse_id}"
        return row

    def changes(self) -> list[StockChange]:
        """The rows that differ from what was read, each once."""
        return [
            StockChange(now.sku, now.warehouse_id, now.on_hand - was.on_hand, now.reserved - was.reserved)
            for sku, stock in self._rows.items()
            for now, was in zip(stock, self._read[sku], strict=True)
            if now != was
        ]

    def zero_crossings(self) -> list[ZeroCrossing]:
        """The SKUs whose total was zero and is not, or the reverse. Each changed row adds one to the version."""
        crossings = []
        for sku, stock in self._rows.items():
            was = sum(row.available for row in self._read[sku])
            now = self._free[sku]
            if (was == 0) != (now == 0):
                changed = sum(one != other for one, other in zip(stock, self._read[sku], strict=True))
                crossings.append(ZeroCrossing(sku, sum(row.version for row in stock) + changed, now))
        return crossings
