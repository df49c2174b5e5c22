"""Orders beside what the database alone would give: pgbench on the same server, with two scripts.

pgbench does nothing but send SQL: no HTTP, no validation, no saga that decides, no second process that is
told. It does within its script what an order of ours causes, its events included.

* With the same statements it shows what the database would give to a program that costs nothing and commits
  each order alone. The shop may pass that, because it commits together what comes at the same time.
* With all of an order in one transaction of one database (`bench.monolith`) it shows what a shop of one piece
  could do at best.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import asyncpg

from bench import capture, goods, one_database, script
from bench.monolith import Monolith
from bench.orders import Bought, buy, in_a_round, warm_up
from bench.pgbench import WARM_UP, Pgbench, Result
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.shop import Shop

FEWEST_EACH = 2 * WARM_UP
"""Orders of each pgbench client: some to warm up, some to count."""
MOST_CONNECTIONS = 48
"""The server lends a hundred, and the shop has some. A shop of one piece would have a pool too."""


@dataclass(frozen=True)
class Beside:
    """All sides at one concurrency, medians of the rounds; the ratios are of the shop's rate to theirs."""

    concurrency: int
    shop: Bought
    pgbench: Result
    ratio: float
    monolith: Result
    monolith_ratio: float


async def measure(shop: Shop, plan: Plan, progress: Progress) -> list[Beside]:
    progress.expect("Limit", len(plan.concurrency) * plan.rounds)
    one, other = await capture.two_orders(shop)
    namespace = await one_database.make(shop)
    connection = await asyncpg.connect(shop.dsn(one_database.NAME))
    try:
        pgbench = Pgbench(shop, await script.write(one, other, namespace, connection))
    finally:
        await connection.close()
    monolith = Monolith(shop)
    await monolith.make()
    return [await _level(shop, (pgbench, monolith), concurrency, plan, progress) for concurrency in plan.concurrency]


async def _level(
    shop: Shop, beside: tuple[Pgbench, Monolith], concurrency: int, plan: Plan, progress: Progress
) -> Beside:
    pgbench, monolith = beside
    connections = min(concurrency, MOST_CONNECTIONS)
    ours = await warm_up(shop, concurrency)
    theirs = await pgbench.orders(clients=connections, each=FEWEST_EACH)
    best = await monolith.orders(clients=connections, each=FEWEST_EACH)
    rounds = []
    for _ in range(plan.rounds):
        ours = await buy(shop, goods.sku, in_a_round(ours.rate, concurrency, plan), concurrency)
        theirs = await pgbench.orders(clients=connections, each=_each(theirs, connections, plan))
        best = await monolith.orders(clients=connections, each=_each(best, connections, plan))
        rounds.append((ours, theirs, best))
        progress.advance(
            f"{concurrency} at once: {ours.rate:,.0f}/s beside {theirs.rate:,.0f}/s, {best.rate:,.0f}/s in one piece"
        )
    return Beside(
        concurrency,
        medians([ours for ours, _, _ in rounds]),
        medians([theirs for _, theirs, _ in rounds]),
        median(ours.rate / theirs.rate for ours, theirs, _ in rounds),
        medians([best for _, _, best in rounds]),
        median(ours.rate / best.rate for ours, _, best in rounds),
    )


def _each(last: Result, connections: int, plan: Plan) -> int:
    return max(FEWEST_EACH, int(last.rate * plan.order_seconds) // connections)
