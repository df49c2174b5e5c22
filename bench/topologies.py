"""The same code as one process and as three: what a start, an order and being there cost in each shape.

Some customers register once; then each fills the cart and orders, again and again, all at the same time.
In each round a shape starts on a fresh data directory (databases made and migrated, demo shop filled),
stops, starts on it again, and serves the customers.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import msgspec

from bench import baskets, goods, load, usage
from bench.load import Sample, quantile
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.shop import Shop, running
from bench.usage import Cpu, Memory

SHAPES = ("all-in-one", "three-services")
CUSTOMERS = 8
PRODUCTS = 20


@dataclass(frozen=True)
class Journey:
    """Of all customers together: `rate` in orders per second with their events, times in seconds, `cpu` per order."""

    rate: float
    p50: float
    p99: float
    order_p50: float
    order_p99: float
    cpu: Cpu


@dataclass(frozen=True)
class Shape:
    """One round, or the medians of several. Starts are from the command to the first page with goods on it, in
    seconds; `at_rest` is after a fresh start, `after_orders` after the journeys.
    """

    name: str
    fresh_start: float
    old_start: float
    at_rest: Memory
    after_orders: Memory
    journey: Journey


async def measure(folder: Path, plan: Plan, progress: Progress) -> list[Shape]:
    progress.expect("Topologies", plan.starts * len(SHAPES))
    rounds: dict[str, list[Shape]] = {name: [] for name in SHAPES}
    for _ in range(plan.starts):
        for name in SHAPES:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                one = await _round(Path(place) / "data", name, plan)
            rounds[name].append(one)
            progress.advance(
                f"{name}: first page after {one.fresh_start:.1f} s, {one.old_start:.1f} s on old data, "
                f"{one.journey.rate:,.0f} orders/s"
            )
    return [medians(rounds[name]) for name in SHAPES]


async def _round(data_dir: Path, name: str, plan: Plan) -> Shape:
    async with running(data_dir, name) as shop:
        fresh_start = shop.first_page_seconds
        await shop.settle()
        at_rest = usage.memory(shop.pid)
        await goods.stock_up(shop, PRODUCTS)
    async with running(data_dir, name) as shop:
        tokens = await _register(shop)
        await _travel(shop, tokens, 2)
        journey = await _travel(shop, tokens, plan.journeys)
        return Shape(name, fresh_start, shop.first_page_seconds, at_rest, usage.memory(shop.pid), journey)


async def _register(shop: Shop) -> list[str]:
    """New customers' access tokens."""

    async def one() -> str:
        account = {
            "email": f"{uuid4().hex}@example.com",
            "password": "a long enough passphrase",
            "first_name": "Ada",
            "last_name": "Lovelace",
        }
        return str((await shop.send("POST", "/auth/register", account))["access_token"])

    return list(await asyncio.gather(*(one() for _ in range(CUSTOMERS))))


async def _travel(shop: Shop, tokens: list[str], journeys: int) -> Journey:
    """Every customer fills the cart and orders, `journeys` times."""
    before = usage.cpu(shop.pid)
    samples = await asyncio.gather(
        *(load.run(shop.port, _requests(token, journeys), connections=1, keep_bodies=True) for token in tokens)
    )
    seconds = max(sample.seconds for sample in samples) + await shop.settle()
    used = usage.cpu(shop.pid) - before
    for sample in samples:
        if sample.statuses != {200: journeys, 201: journeys}:
            raise RuntimeError(f"orders were refused: {dict(sample.statuses)} {sample.bodies[-1].decode()}")
    count = len(tokens) * journeys
    whole = [took for sample in samples for took in _whole(sample)]
    orders = [took for sample in samples for took in sample.latencies[1::2]]
    return Journey(
        rate=count / seconds,
        p50=quantile(whole, 0.5),
        p99=quantile(whole, 0.99),
        order_p50=quantile(orders, 0.5),
        order_p99=quantile(orders, 0.99),
        cpu=Cpu(used.services / count, used.postgres / count),
    )


def _requests(token: str, journeys: int) -> Iterator[bytes]:
    """Cart, order, cart, order …"""
    signed_in = {"Authorization": f"Bearer {token}"}
    for number in range(journeys):
        items = {"items": [{"sku": goods.sku(number % PRODUCTS), "quantity": 1}]}
        yield load.request("PUT", "/api/v1/cart/me/items", msgspec.json.encode(items), headers=signed_in)
        keyed = {**signed_in, "Idempotency-Key": str(uuid4())}
        yield load.request("POST", "/api/v1/orders", msgspec.json.encode(baskets.ORDER), headers=keyed)


def _whole(sample: Sample) -> list[float]:
    """Cart and order together."""
    return [cart + order for cart, order in zip(sample.latencies[::2], sample.latencies[1::2], strict=True)]
