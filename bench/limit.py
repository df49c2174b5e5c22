"""Orders beside what the database alone would give: pgbench with the same SQL, on the same server.

pgbench does nothing but send SQL: no HTTP, no validation, no saga that decides, no second process that is
told. It does within its script what an order of ours causes, its events included. With the same statements
it shows what the database would give to a program that costs nothing and commits each order alone; the shop
may pass that, because it commits together what comes at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import asyncpg

from bench import capture, goods, one_database, script
from bench.orders import Bought, buy, in_a_round, warm_up
from bench.pgbench import WARM_UP, Pgbench, Result
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.shop import Shop

FEWEST_EACH = 2 * WARM_UP
"""Orders of each pgbench client: some to warm up, some to count."""


@dataclass(frozen=True)
class Beside:
    """Both sides at one concurrency, medians of the rounds."""

    concurrency: int
    shop: Bought
    pgbench: Result
    ratio: float


async def measure(shop: Shop, plan: Plan, progress: Progress) -> list[Beside]:
    progress.expect("Limit", len(plan.concurrency) * plan.rounds)
    one, other = await capture.two_orders(shop)
    namespace = await one_database.make(shop)
    connection = await asyncpg.connect(shop.dsn(one_database.NAME))
    try:
        pgbench = Pgbench(shop, await script.write(one, other, namespace, connection))
    finally:
        await connection.close()
    return [await _level(shop, pgbench, concurrency, plan, progress) for concurrency in plan.concurrency]


async def _level(shop: Shop, pgbench: Pgbench, concurrency: int, plan: Plan, progress: Progress) -> Beside:
    ours = await warm_up(shop, concurrency)
    theirs = await pgbench.orders(clients=concurrency, each=FEWEST_EACH)
    pairs = []
    for _ in range(plan.rounds):
        ours = await buy(shop, goods.sku, in_a_round(ours.rate, concurrency, plan), concurrency)
        each = in_a_round(theirs.rate, concurrency, plan) // concurrency
        theirs = await pgbench.orders(clients=concurrency, each=max(FEWEST_EACH, each))
        pairs.append((ours, theirs))
        progress.advance(f"{concurrency} at once: {ours.rate:,.0f}/s beside {theirs.rate:,.0f}/s")
    return Beside(
        concurrency,
        medians([ours for ours, _ in pairs]),
        medians([theirs for _, theirs in pairs]),
        median(ours.rate / theirs.rate for ours, theirs in pairs),
    )
