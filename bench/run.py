"""One run: the parts in turn, each with the shops that it needs, and a probe between them."""

from __future__ import annotations

import asyncio
import resource
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from bench import (
    baseline,
    catalog,
    events,
    flame,
    flash,
    goods,
    hot_sku,
    limit,
    machine,
    million,
    orders,
    reads,
    reservations,
    search,
    topologies,
)
from bench.kept import Kept
from bench.plan import Plan
from bench.probe import probe
from bench.progress import Progress
from bench.report import Results
from bench.shop import Shop, running

PARTS = (
    "reads",
    "orders",
    "limit",
    "hot",
    "flash",
    "flame",
    "events",
    "million",
    "search",
    "catalog",
    "reservations",
    "topologies",
)
ON_ONE_SHOP = {"reads", "orders", "limit", "hot", "flash", "flame"}
BESIDE_BASELINE = {"orders", "flash", "events"}
OPEN_FILES = 8192
SHAPE = topologies.SHAPES[0]
SCRATCH = Path(__file__).parents[1] / "build"


async def run(parts: tuple[str, ...], plan: Plan, progress: Progress, kept: Kept | None = None) -> Results:
    """Measure these parts, on data directories of their own that are gone afterwards; those that are `kept` are not
    measured again.

    Raises `NotInThisClone` and `NoRoom`.
    """
    kept = kept or Kept(machine.commit())
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A connection for every buyer, on both sides: what is started inherits it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, OPEN_FILES), hard))
    # Not in /tmp, which may be memory: what is committed has to reach a disk.
    SCRATCH.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=SCRATCH))
    try:
        return await _Run(parts, plan, progress, folder, kept).measure()
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


class _Run:
    def __init__(self, parts: tuple[str, ...], plan: Plan, progress: Progress, folder: Path, kept: Kept) -> None:
        self._parts = set(parts) - kept.parts.keys()
        self._kept = kept
        self._plan = plan
        self._progress = progress
        self._folder = folder
        self._results = kept.results

    async def measure(self) -> Results:
        self._probe("before")
        code = None
        if self._plan.baseline and BESIDE_BASELINE & self._parts:
            code = baseline.take_out(self._folder / "baseline-code", baseline.COMMIT)
        if ON_ONE_SHOP & self._parts:
            async with AsyncExitStack() as stack:
                shop = await stack.enter_async_context(running(self._folder / "shop", SHAPE))
                self._results.facts = machine.facts(await shop.postgres_version())
                await goods.stock_up(shop)
                before = None
                if code is not None:
                    before = await stack.enter_async_context(running(self._folder / "baseline", SHAPE, code))
                    await goods.stock_up(before)
                await self._on_one_shop(shop, before)
        if "events" in self._parts:
            self._results.events = await events.measure(self._folder, code, SHAPE, self._plan, self._progress)
            self._ended("events", "events")
        if "million" in self._parts and self._plan.copies:
            self._results.million = await million.measure(self._folder, SHAPE, self._plan, self._progress)
            self._ended("million", "the large shop")
        if "search" in self._parts:
            self._results.search = await search.measure(self._folder, SHAPE, self._plan, self._progress)
            self._ended("search", "search")
        if "catalog" in self._parts:
            self._results.catalog = await catalog.measure(self._folder, SHAPE, self._plan, self._progress)
            self._ended("catalog", "catalog")
        if "reservations" in self._parts:
            self._results.reservations = await reservations.measure(self._folder, self._plan, self._progress)
            self._ended("reservations", "reservations")
        if "topologies" in self._parts:
            self._results.shapes = await topologies.measure(self._folder, self._plan, self._progress)
            self._ended("topologies", "topologies")
        return self._results

    async def _on_one_shop(self, shop: Shop, before: Shop | None) -> None:
        if "reads" in self._parts:
            self._results.reads = await reads.measure(shop, self._plan, self._progress)
            self._ended("reads", "reads")
        if "orders" in self._parts:
            self._results.orders = await orders.measure(shop, before, self._plan, self._progress)
            self._ended("orders", "orders")
        if "limit" in self._parts:
            self._results.limit = await limit.measure(shop, self._plan, self._progress)
            self._ended("limit", "the limit")
        if "hot" in self._parts:
            self._results.hot_sku = await hot_sku.measure(shop, self._plan, self._progress)
            self._ended("hot", "the hot SKU")

        if "flash" in self._parts:
            self._results.flash = await flash.measure(shop, before, self._plan, self._progress)
            self._ended("flash", "the flash sale")

        if "flame" in self._parts:
            try:
                self._results.flame = await flame.measure(shop, self._plan, self._progress, self._folder)
            except flame.NotAllowed as error:
                # The picture that is there stays; everything else was measured.
                self._progress.console.print(f"no flame graph: {error}", soft_wrap=True)
            self._kept.add("flame")

    def _probe(self, when: str) -> None:
        self._results.probes.append(probe(when, self._folder))

    def _ended(self, part: str, called: str) -> None:
        self._probe(f"after {called}")
        self._kept.add(part)
