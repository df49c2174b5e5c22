"""What becomes slower when a shop has had a million orders and has a million products, beside an empty one.

The large shop is filled with copies of a real order and its product (`bench.copies`); then both sell the same
200 goods and answer the same reads, in turns. A large shop's orders may also be of any product that it has:
then hardly two of them need the same page of the database.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import copies, goods, questions, reads, usage
from bench.orders import buy, in_a_round, warm_up
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.shop import Shop, running
from stoa.runtime.data_dir import DataDir

BYTES_EACH = 20_000
"""What an order and a product take at most, with what the database notes meanwhile."""


class NoRoom(Exception):
    """The disk has no room for so large a shop; the message says how much it needs."""


@dataclass(frozen=True)
class Side:
    """`rate` per second; `cpu` of services and PostgreSQL for each, in seconds."""

    rate: float
    cpu: float


@dataclass(frozen=True)
class Grown:
    """Medians of the rounds; `ratio` is of the large shop's rate to the empty one's. `promised` if it has a target."""

    what: str
    empty: Side
    large: Side
    ratio: float
    promised: bool = True


@dataclass(frozen=True)
class Million:
    copies: int
    size_bytes: int
    grown: list[Grown]


async def measure(folder: Path, shape: str, plan: Plan, progress: Progress) -> Million:
    """Raises `NoRoom`."""
    needed = plan.copies * BYTES_EACH
    if shutil.disk_usage(folder).free < 1.2 * needed:
        raise NoRoom(f"{plan.copies:,} orders and products need {needed / 1e9:.0f} GB in {folder.parent}")
    async with running(folder / "large", shape) as shop:
        await goods.stock_up(shop)
        rows = await copies.left_by_an_order(shop)
    progress.expect("Filling", len(copies.tables(rows)))
    size = await copies.fill(DataDir(folder / "large"), rows, plan.copies, progress.advance)
    async with running(folder / "empty", shape) as empty, running(folder / "large", shape) as large:
        await goods.stock_up(empty)
        both = _Both(empty, large, plan, progress)
        return Million(plan.copies, size, [*await both.orders(), *await both.reads()])


class _Both:
    """The two shops, asked in turns."""

    def __init__(self, empty: Shop, large: Shop, plan: Plan, progress: Progress) -> None:
        self._empty = empty
        self._large = large
        self._plan = plan
        self._progress = progress

    async def orders(self) -> list[Grown]:
        self._progress.expect("Large shop", 2 * self._plan.rounds)
        concurrency = self._plan.crowds[0]
        return [
            await self._orders(f"Orders, {concurrency} at once", goods.sku, concurrency),
            await self._orders(f"Orders of any product, {concurrency} at once", self._any, concurrency),
        ]

    async def _orders(self, what: str, sku_of: Callable[[int], str], concurrency: int) -> Grown:
        empty = await warm_up(self._empty, concurrency)
        large = await warm_up(self._large, concurrency)
        pairs: list[tuple[Side, Side]] = []
        for _ in range(self._plan.rounds):
            large = await buy(self._large, sku_of, in_a_round(large.rate, concurrency, self._plan), concurrency)
            empty = await buy(self._empty, goods.sku, in_a_round(empty.rate, concurrency, self._plan), concurrency)
            pairs.append((Side(empty.rate, empty.cpu.total), Side(large.rate, large.cpu.total)))
            self._progress.advance(f"{what}: {large.rate:,.0f}/s beside {empty.rate:,.0f}/s")
        return Grown(
            what,
            medians([small for small, _ in pairs]),
            medians([big for _, big in pairs]),
            median(big.rate / small.rate for small, big in pairs),
            promised=sku_of is goods.sku,
        )

    def _any(self, _: int) -> str:
        return copies.sku(random.randint(1, self._plan.copies))  # noqa: S311 - a load

    async def reads(self) -> list[Grown]:
        asked = [
            pair
            for pair in zip(await questions.prepare(self._empty), await questions.prepare(self._large), strict=True)
            if pair[0].is_plain
        ]
        self._progress.expect("Its reads", len(asked))
        found = []
        with usage.apart(self._empty.pid, self._large.pid):
            for of_empty, of_large in asked:
                large = reads.Asked(self._large.port, self._large.pid, of_large)
                empty = reads.Asked(self._empty.port, self._empty.pid, of_empty)
                both = await reads.compare(large, empty, self._plan.read_turns)
                sides = [Side(each.rate, each.cpu + each.database) for each in (both.theirs, both.ours)]
                found.append(Grown(of_large.name, sides[0], sides[1], both.ratio))
                self._progress.advance(f"{of_large.name}: {sides[1].rate:,.0f}/s beside {sides[0].rate:,.0f}/s")
        return found
