"""Orders per second through the public API, beside pgbench with the same SQL on the same server.

The carts are filled before the clock starts. An order of ours counts when everything that it causes has
happened as well, its events included, because pgbench does all of that within its script: the rate is the
number of orders over the time until the last event has had its effect. The latency is of the answer.

pgbench does nothing but send SQL: no HTTP, no validation, no saga that decides, no second process that is
told. What it shows is what the database would give to a program that costs nothing and commits each order
alone. The shop may pass it, because it commits together what comes at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import asyncpg

from bench import baskets, capture, goods, one_database, script, usage
from bench.pgbench import WARM_UP, Pgbench, Result
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.shop import Shop
from bench.usage import Cpu

FEWEST_EACH = 2 * WARM_UP
"""Orders of each pgbench client: some to warm up, some to count."""

COUNTERS = """
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS transactions,
           (pg_current_wal_insert_lsn() - '0/0')::bigint AS wal_bytes
"""
"""Both exact and of the whole server: numbers are given to transactions that write or lock, and only to these."""


@dataclass(frozen=True)
class Bought:
    """One round. `rate` in orders per second with their events; `p50` and `p99` in seconds; the rest per order."""

    rate: float
    p50: float
    p99: float
    cpu: Cpu
    commits: float
    wal_bytes: float


@dataclass(frozen=True)
class Level:
    """Both sides at one concurrency, medians of the rounds."""

    concurrency: int
    shop: Bought
    pgbench: Result
    ratio: float


@dataclass(frozen=True)
class Orders:
    """`transactions` and `statements` are what one order executes when it is alone."""

    levels: list[Level]
    databases: int
    transactions: int
    statements: int


async def measure(shop: Shop, plan: Plan, progress: Progress) -> Orders:
    progress.expect("Orders", len(plan.concurrency) * plan.rounds + 1)
    one, other = await capture.two_orders(shop)
    namespace = await one_database.make(shop)
    connection = await asyncpg.connect(shop.dsn(one_database.NAME))
    try:
        pgbench = Pgbench(shop, await script.write(one, other, namespace, connection))
    finally:
        await connection.close()
    progress.advance(f"one order is {one.statements} statements in {len(one.order)} transactions")
    levels = [await _level(shop, pgbench, concurrency, plan, progress) for concurrency in plan.concurrency]
    return Orders(levels, len({each.database for each in one.order}), len(one.order), one.statements)


async def _level(shop: Shop, pgbench: Pgbench, concurrency: int, plan: Plan, progress: Progress) -> Level:
    # A first guess at the pace, which also warms both sides up.
    ours = await buy(shop, goods.sku, max(20, 4 * concurrency), concurrency)
    theirs = await pgbench.orders(clients=concurrency, each=FEWEST_EACH)
    pairs = []
    for _ in range(plan.rounds):
        ours = await buy(shop, goods.sku, in_a_round(ours.rate, concurrency, plan), concurrency)
        each = in_a_round(theirs.rate, concurrency, plan) // concurrency
        theirs = await pgbench.orders(clients=concurrency, each=max(FEWEST_EACH, each))
        pairs.append((ours, theirs))
        progress.advance(f"{concurrency} at once: {ours.rate:,.0f}/s beside {theirs.rate:,.0f}/s")
    return Level(
        concurrency,
        medians([ours for ours, _ in pairs]),
        medians([theirs for _, theirs in pairs]),
        median(ours.rate / theirs.rate for ours, theirs in pairs),
    )


def in_a_round(rate: float, concurrency: int, plan: Plan) -> int:
    """How many orders keep a round busy for about its time: at least some for everybody."""
    return min(plan.most_orders, max(4 * concurrency, int(rate * plan.order_seconds)))


async def buy(shop: Shop, sku_of: Callable[[int], str], count: int, concurrency: int) -> Bought:
    """One round: fill, then time the buying and what it causes."""
    orders = await baskets.fill(shop.port, count, sku_of)
    connection = await asyncpg.connect(shop.dsn())
    try:
        counted, used = await connection.fetchrow(COUNTERS), usage.cpu(shop.pid)
        sample = await baskets.buy(shop.port, orders, connections=concurrency)
        seconds = sample.seconds + await shop.settle()
        used = usage.cpu(shop.pid) - used
        after = await connection.fetchrow(COUNTERS)
    finally:
        await connection.close()
    assert counted is not None
    assert after is not None
    return Bought(
        rate=count / seconds,
        p50=sample.quantile(0.5),
        p99=sample.quantile(0.99),
        cpu=Cpu(used.services / count, used.postgres / count),
        commits=(after["transactions"] - counted["transactions"]) / count,
        wal_bytes=(after["wal_bytes"] - counted["wal_bytes"]) / count,
    )
