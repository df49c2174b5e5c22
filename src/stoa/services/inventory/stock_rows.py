"""The stock of some SKUs: what is decided over it while we hold their locks, before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

from msgspec.structs import replace as replace_struct

from stoa.services.inventory.items import Item, Policy
from stoa.services.inventory.promise import Kind, Later, Promise
from stoa.services.inventory.reservation import Fill, Lines


@dataclass(slots=True)
class StockRow:
    """One SKU in one warehouse. `version` counts the row's changes, `holds` those of them that left what people edit
    alone. Where the warehouse is `closed` there is none, and none comes."""

    sku: str
    warehouse_id: str
    on_hand: int
    reserved: int
    version: int
    holds: int
    safety_stock: int = 0
    incoming: int = 0
    closed: bool = False

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved

    @property
    def sellable(self) -> int:
        """What is available, less what is kept back."""
        return max(0, self.on_hand - self.reserved - self.safety_stock)


@dataclass(slots=True)
class SkuStock:
    """One SKU: its rows in the order in which its warehouses are drawn from, and how it is promised beyond them."""

    item: Item
    rows: list[StockRow] = field(default_factory=list)

    @property
    def on_hand(self) -> int:
        return sum([row.on_hand for row in self.rows])

    @property
    def reserved(self) -> int:
        return sum([row.reserved for row in self.rows])

    @property
    def available(self) -> int:
        return sum([row.available for row in self.rows])

    @property
    def safety_stock(self) -> int:
        return sum([row.safety_stock for row in self.rows if not row.closed])

    @property
    def incoming(self) -> int:
        return sum([row.incoming for row in self.rows])

    @property
    def sellable(self) -> int:
        return sum([row.sellable for row in self.rows])

    @property
    def to_promise(self) -> int:
        """How many can be bought: what is sellable, and what may be promised without being on hand."""
        return self.sellable + self.item.room

    @property
    def version(self) -> int:
        """Every change of it makes this greater."""
        return sum([row.version for row in self.rows]) + self.item.version

    @property
    def edits(self) -> int:
        """How often it changed what people edit, which is what is on hand and how it is promised: they say which of
        these they have seen."""
        return self.version - self.item.holds - sum([row.holds for row in self.rows])

    @property
    def is_low(self) -> bool:
        return self.item.low_stock_at is not None and self.available <= self.item.low_stock_at

    def promise(self, quantity: int, today: date) -> Promise:
        """What is promised to who buys so many of it today."""
        if quantity <= self.sellable:
            return Promise(Kind.IN_STOCK)
        return Promise(*self.item.later(today)) if quantity <= self.to_promise else Promise(Kind.SOLD_OUT)

    def copy(self) -> SkuStock:
        return SkuStock(replace_struct(self.item), [replace(row) for row in self.rows])


def by_sku(rows: Iterable[StockRow], items: Iterable[Item] = ()) -> dict[str, SkuStock]:
    """Each SKU's stock, its rows in their order. Those whose item is not given are promised as they lie there."""
    item_of = {item.sku: item for item in items}
    found: dict[str, SkuStock] = {}
    for row in rows:
        stock = found.get(row.sku)
        if stock is None:
            stock = found[row.sku] = SkuStock(item_of.get(row.sku) or Item(row.sku))
        stock.rows.append(row)
    return found


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


class Turn(NamedTuple):
    """What can be bought of a SKU went to zero or left it: `left` can be bought. Or it ran low: no more than
    `low_stock_at` are available, which is `left`. `version` is the SKU's after the change."""

    sku: str
    version: int
    left: int
    low_stock_at: int | None = None


class Taken(NamedTuple):
    """What a reservation gets: so many from these warehouses, and so many that are not on hand and come `later`."""

    fills: tuple[Fill, ...]
    owed: Mapping[str, int]
    later: Mapping[str, Later]


class StockRows:
    """Stock as read under the lock."""

    def __init__(self, rows: Iterable[StockRow], items: Iterable[Item] = ()) -> None:
        self._stock = by_sku(rows, items)
        self._read = {sku: stock.copy() for sku, stock in self._stock.items()}

    @property
    def as_read(self) -> int:
        """A number that every change of a row makes greater, and every new row."""
        return sum([row.version + 1 for stock in self._read.values() for row in stock.rows])

    def of(self, sku: str) -> SkuStock | None:
        """As it is by now."""
        return self._stock.get(sku)

    def row(self, sku: str, warehouse_id: str) -> StockRow | None:
        stock = self._stock.get(sku)
        return next((row for row in stock.rows if row.warehouse_id == warehouse_id), None) if stock else None

    def edits(self, sku: str) -> int | None:
        """As it was read; None of a SKU that has no stock anywhere."""
        return self._read[sku].edits if sku in self._read else None

    def add(self, row: StockRow) -> None:
        """A row that was made after the reading."""
        for each, one in ((self._stock, row), (self._read, replace(row))):
            each.setdefault(row.sku, SkuStock(Item(row.sku))).rows.append(one)

    def available(self, sku: str) -> int:
        """What can be promised, in all warehouses together; zero of an unknown SKU."""
        stock = self._stock.get(sku)
        return stock.to_promise if stock else 0

    def short_of(self, lines: Lines) -> list[Shortage]:
        """The lines that do not fit; none: `take` will succeed."""
        there = [(sku, units, self.available(sku)) for sku, units in lines.items()]
        return [Shortage(sku, units, available) for sku, units, available in there if units > available]

    def sellable(self, lines: Lines) -> dict[str, dict[str, int]]:
        """By SKU and warehouse, how many may be taken."""
        return {sku: {row.warehouse_id: row.sellable for row in self._stock[sku].rows} for sku in lines}

    def take(self, lines: Lines, today: date, warehouses: Sequence[str] = ()) -> Taken:
        """Reserve all `lines`, which must fit, from these `warehouses` first and then from the others in their order;
        what they do not have is owed, as it is promised `today`."""
        rank = {warehouse_id: at for at, warehouse_id in enumerate(warehouses)}
        fills = []
        owed = {}
        for sku, units in lines.items():
            stock = self._stock[sku]
            rows = sorted(stock.rows, key=lambda row: rank.get(row.warehouse_id, len(rank))) if rank else stock.rows
            left = units
            for row in rows:
                taken = min(left, row.sellable)
                if taken:
                    row.reserved += taken
                    left -= taken
                    fills.append(Fill(sku, row.warehouse_id, taken))
            if left:
                assert left <= stock.item.room, f"{sku}: {left} of {units} do not fit"
                stock.item.backordered += left
                owed[sku] = left
        return Taken(tuple(fills), owed, {sku: self._stock[sku].item.later(today) for sku in owed})

    def give_back(self, fills: Sequence[Fill]) -> None:
        """What was reserved is available again."""
        for fill in fills:
            row = self.known(fill.sku, fill.warehouse_id)
            row.reserved -= fill.quantity
            assert row.reserved >= 0, f"{fill} was not reserved"

    def owe_no_more(self, lines: Lines) -> None:
        """So many units that are not on hand are promised no longer."""
        for sku, units in lines.items():
            item = self._stock[sku].item
            item.backordered -= units
            assert item.backordered >= 0, f"{units} of {sku} were not owed"

    def count(self, sku: str, warehouse_id: str, units: int) -> None:
        """So many more (less, below zero) are on hand."""
        row = self.known(sku, warehouse_id)
        row.on_hand += units
        assert row.available >= 0, f"{sku} in {warehouse_id}: on hand {row.on_hand}, reserved {row.reserved}"

    def set_policy(self, item: Item, safety_stock: Mapping[str, int]) -> None:
        """The item is promised so, and so much is kept back in each warehouse."""
        stock = self._stock[item.sku]
        stock.item = item
        for row in stock.rows:
            row.safety_stock = safety_stock[row.warehouse_id]

    def end_preorder(self, sku: str) -> None:
        """What of it is not on hand is promised no longer."""
        item = self._stock[sku].item
        item.policy, item.backorder_limit = Policy.NONE, item.backordered

    def known(self, sku: str, warehouse_id: str) -> StockRow:
        """One that is there."""
        row = self.row(sku, warehouse_id)
        assert row is not None, f"there is no {sku} in {warehouse_id}"
        return row

    def to_fill(self) -> dict[str, int]:
        """How many can be given to those who wait for them, by SKU."""
        waiting = ((sku, stock) for sku, stock in self._stock.items() if stock.item.backordered)
        return {sku: units for sku, stock in waiting if (units := min(stock.item.backordered, stock.sellable))}

    def fill(self, sku: str, units: int, *, sold: bool) -> list[StockChange]:
        """Give so many of what is sellable to somebody who waits: reserved, or gone at once if it is `sold` already."""
        stock = self._stock[sku]
        changes = []
        for row in stock.rows:
            given = min(units, row.sellable)
            if given:
                change = StockChange(sku, row.warehouse_id, -given if sold else 0, 0 if sold else given)
                row.on_hand += change.on_hand
                row.reserved += change.reserved
                units -= given
                stock.item.backordered -= given
                changes.append(change)
        assert units == 0, f"{sku}: {units} were not there to be given"
        return changes

    def changes(self) -> list[StockChange]:
        """The rows that differ from what was read, each once."""
        return [
            StockChange(now.sku, now.warehouse_id, now.on_hand - was.on_hand, now.reserved - was.reserved)
            for sku, stock in self._stock.items()
            for now, was in zip(stock.rows, self._read[sku].rows, strict=True)
            if now != was
        ]

    def turns(self) -> list[Turn]:
        """The SKUs of which something can be bought and could not, or the reverse, and those that ran low. Each changed
        row adds one to the version."""
        turns = []
        for sku, stock in self._stock.items():
            read = self._read[sku]
            left = stock.to_promise
            turned, ran_low = (left == 0) != (read.to_promise == 0), stock.is_low and not read.is_low
            if turned or ran_low:
                changed = sum([one != other for one, other in zip(stock.rows, read.rows, strict=True)])
                version = stock.version + changed + (stock.item != read.item)
                if ran_low:
                    turns.append(Turn(sku, version, stock.available, stock.item.low_stock_at))
                if turned:
                    turns.append(Turn(sku, version, left))
        return turns
