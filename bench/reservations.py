"""Reserve and Release alone, over inventory's rpc: every reservation on one SKU, and spread over the assortment.

Inventory is in a process of its own (with its neighbors of that topology), called by gRPC as a checkout calls it. It
gathers who comes at the same time and decides for all of them in one transaction. Beside it pgbench runs the same
statements, captured from one Reserve and its Release, each alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import asyncpg

from bench import capture, goods, one_database, pgbench, script, usage
from bench.limit import FEWEST_EACH, MOST_CONNECTIONS
from bench.load import quantile
from bench.pgbench import Load, Result
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.script import Script
from bench.shop import Shop, running
from stoa.contracts.common.v1.common_pb2 import Line
from stoa.contracts.inventory.v1 import inventory_pb2 as pb
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.kit.channels import RemoteChannel
from stoa.runtime import secrets as secrets_of
from stoa.runtime import topology
from stoa.runtime.data_dir import DataDir

if TYPE_CHECKING:
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub

SHAPE = "three-services"
WARM_UP = 50
STATE = """
    SELECT count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'released') AS released,
           (SELECT sum(reserved) FROM stoa_inventory.stock)::bigint AS reserved
    FROM stoa_inventory.reservations
"""


@dataclass(frozen=True)
class Side:
    """Reservations, and their releases afterwards; `cpu` is of services and PostgreSQL for one of them, in seconds."""

    reserved: Result
    released: Result
    cpu: float


@dataclass(frozen=True)
class Level:
    """At one concurrency, medians of the rounds. `ratio` is of the rate on one SKU to that of many; `beside` has those
    of both to pgbench's."""

    concurrency: int
    hot: Side
    spread: Side
    ratio: float
    pgbench_hot: Result
    pgbench_spread: Result
    beside_hot: float
    beside_spread: float


async def measure(folder: Path, plan: Plan, progress: Progress) -> list[Level]:
    """On a shop of its own."""
    progress.expect("Reservations", plan.rounds * len(plan.concurrency))
    async with running(folder / "reservations", SHAPE) as shop:
        await goods.stock_up(shop)
        address = shop.addresses[topology.variable_of(topology.load(SHAPE, {}).home_of("inventory").name, "grpc")]
        secret = secrets_of.load(DataDir(shop.data_dir).secrets, {}).rpc
        channel = RemoteChannel(address, secret, caller="checkout")
        try:
            sides = _Sides(shop, InventoryServiceStub(channel), plan)
            await sides.prepare()
            return [await _level(sides, concurrency, plan, progress) for concurrency in plan.concurrency]
        finally:
            await channel.close()


async def _level(sides: _Sides, concurrency: int, plan: Plan, progress: Progress) -> Level:
    hot = spread = await sides.ours(goods.sku, max(WARM_UP, 2 * concurrency), concurrency)
    pg_hot = pg_spread = await sides.pgbench(concurrency, FEWEST_EACH, hot=False)
    rounds = []
    for _ in range(plan.rounds):
        hot = await sides.ours(_always_the_same, sides.count(hot, concurrency), concurrency)
        pg_hot = await sides.pgbench(concurrency, sides.each(pg_hot, concurrency), hot=True)
        spread = await sides.ours(goods.sku, sides.count(spread, concurrency), concurrency)
        pg_spread = await sides.pgbench(concurrency, sides.each(pg_spread, concurrency), hot=False)
        rounds.append((hot, pg_hot, spread, pg_spread))
        progress.advance(
            f"{concurrency} at once: {hot.reserved.rate:,.0f}/s on one SKU, {spread.reserved.rate:,.0f}/s spread; the "
            f"same SQL {pg_hot.rate:,.0f}/s and {pg_spread.rate:,.0f}/s"
        )
    return Level(
        concurrency,
        medians([each[0] for each in rounds]),
        medians([each[2] for each in rounds]),
        median(each[0].reserved.rate / each[2].reserved.rate for each in rounds),
        medians([each[1] for each in rounds]),
        medians([each[3] for each in rounds]),
        median(each[0].reserved.rate / each[1].rate for each in rounds),
        median(each[2].reserved.rate / each[3].rate for each in rounds),
    )


class _State(NamedTuple):
    """Of pgbench's database."""

    held: int
    released: int
    reserved: int


class _Sides:
    """The service and pgbench, over the same server."""

    def __init__(self, shop: Shop, inventory: InventoryServiceAsyncStub, plan: Plan) -> None:
        self._shop = shop
        self._inventory = inventory
        self._plan = plan
        self._script = Script("", "", {})
        self._runs = 0

    def count(self, last: Side, concurrency: int) -> int:
        """How many keep a round busy for about its time."""
        return min(self._plan.most_orders, max(4 * concurrency, int(last.reserved.rate * self._plan.order_seconds)))

    def each(self, last: Result, concurrency: int) -> int:
        """The same for each of pgbench's clients."""
        clients = min(concurrency, MOST_CONNECTIONS)
        return max(FEWEST_EACH, min(self._plan.most_orders, int(last.rate * self._plan.order_seconds)) // clients)

    async def prepare(self) -> None:
        """What one reservation and its release execute, as scripts of pgbench's, and a database for these."""
        key = ""

        async def warm_up() -> None:
            await self.ours(goods.sku, capture.WARM_UP, 1)

        async def reserve() -> None:
            nonlocal key
            key = str(uuid4())
            await self._reserve(key, goods.sku(0))

        async def release() -> None:
            await self._release(key)

        one, other = await capture.two_alike(self._shop, warm_up, reserve, release)
        namespace = await one_database.make(self._shop)
        connection = await asyncpg.connect(self._shop.dsn(one_database.NAME))
        try:
            self._script = await script.write(one, other, namespace, connection)
        finally:
            await connection.close()

    async def ours(self, sku_of: Callable[[int], str], count: int, concurrency: int) -> Side:
        """So many reservations, and then the release of each."""
        keys = [str(uuid4()) for _ in range(count)]
        before = usage.cpu(self._shop.pid)
        reserved = await _run((partial(self._reserve, key, sku_of(at)) for at, key in enumerate(keys)), concurrency)
        used = usage.cpu(self._shop.pid) - before
        released = await _run((partial(self._release, key) for key in keys), concurrency)
        await self._shop.settle()
        return Side(reserved, released, used.total / count)

    async def pgbench(self, concurrency: int, each: int, *, hot: bool) -> Result:
        """The same statements, by as many; what was reserved is released again. Raises `PgbenchFailed`."""
        self._runs += 1
        load = Load(min(concurrency, MOST_CONNECTIONS), each)
        one = self._script.on_one_sku() if hot else self._script
        constants = one.constants | {"n": "0", "run": str(self._runs)}
        before = await self._state()
        result = await pgbench.run(self._shop, one_database.NAME, one.cart, load, constants)
        between = await self._state()
        await pgbench.run(self._shop, one_database.NAME, one.order, load, constants)
        after = await self._state()
        pgbench.expect(load.clients * each, between.held - before.held)
        pgbench.expect(load.clients * each, between.reserved - before.reserved)
        pgbench.expect(load.clients * each, after.released - before.released)
        pgbench.expect(0, after.reserved - before.reserved)
        return result

    async def _state(self) -> _State:
        row = await (await self._shop.look(one_database.NAME)).fetchrow(STATE)
        assert row is not None
        return _State(*row)

    async def _reserve(self, key: str, sku: str) -> None:
        await self._inventory.Reserve(pb.ReserveRequest(key=key, lines=[Line(sku=sku, quantity=1)]))

    async def _release(self, key: str) -> None:
        await self._inventory.Release(pb.ReleaseRequest(key=key))


async def _run(calls: Iterator[Callable[[], Awaitable[None]]], concurrency: int) -> Result:
    """All of them, by so many of whom each waits for its answer."""
    took: list[float] = []

    async def one() -> None:
        for call in calls:
            started = time.perf_counter()
            await call()
            took.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(concurrency)))
    return _result(took, time.perf_counter() - started)


def _result(took: Sequence[float], seconds: float) -> Result:
    return Result(len(took) / seconds, quantile([*took], 0.5), quantile([*took], 0.99))


def _always_the_same(_: int) -> str:
    return goods.sku(0)
