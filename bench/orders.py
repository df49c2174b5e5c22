"""Orders through the public API, today's shop and the baseline's in turns.

The carts are filled before the clock starts. An order counts when everything that it causes has happened as
well, its events included: the rate is the number of orders over the time until the last event has had its
effect. The latency is of the answer. Only one of the shops is asked at a time; the other is at rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench import baskets, capture, goods, usage
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.shop import Shop
from bench.usage import Cpu

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
class Ratios:
    """What one round of today's shop was of the baseline's round beside it."""

    rate: float
    p50: float
    cpu: float
    commits: float


@dataclass(frozen=True)
class Level:
    """At one concurrency, medians of the rounds; without a baseline that is None, and so are the ratios to it."""

    concurrency: int
    today: Bought
    baseline: Bought | None
    ratios: Ratios | None


@dataclass(frozen=True)
class Alone:
    """What one order executes when it is alone, with all that its events cause."""

    statements: int
    transactions: int
    databases: int


@dataclass(frozen=True)
class Orders:
    levels: list[Level]
    today: Alone
    baseline: Alone | None


async def measure(shop: Shop, baseline: Shop | None, plan: Plan, progress: Progress) -> Orders:
    progress.expect("Orders", len(plan.concurrency) * plan.rounds + 1)
    today = await _alone(shop)
    before = await _alone(baseline) if baseline else None
    beside = f", {before.statements} of the baseline" if before else ""
    progress.advance(f"one order is {today.statements} statements in {today.transactions} transactions{beside}")
    levels = [await _level(shop, baseline, concurrency, plan, progress) for concurrency in plan.concurrency]
    return Orders(levels, today, before)


async def _alone(shop: Shop) -> Alone:
    order, _ = await capture.two_orders(shop)
    return Alone(order.statements, len(order.order), len({each.database for each in order.order}))


async def _level(shop: Shop, baseline: Shop | None, concurrency: int, plan: Plan, progress: Progress) -> Level:
    # A first guess at the pace, which also warms both sides up.
    today = await warm_up(shop, concurrency)
    before = await warm_up(baseline, concurrency) if baseline else None
    todays, befores, ratios = [], [], []
    for _ in range(plan.rounds):
        today = await buy(shop, goods.sku, in_a_round(today.rate, concurrency, plan), concurrency)
        todays.append(today)
        figure = f"{concurrency} at once: {today.rate:,.0f}/s, {today.cpu.total * 1e3:.1f} ms CPU"
        if baseline and before:
            before = await buy(baseline, goods.sku, in_a_round(before.rate, concurrency, plan), concurrency)
            befores.append(before)
            ratios.append(_ratios(today, before))
            figure += f" beside {before.rate:,.0f}/s, {before.cpu.total * 1e3:.1f} ms"
        progress.advance(figure)
    return Level(
        concurrency,
        medians(todays),
        medians(befores) if befores else None,
        medians(ratios) if ratios else None,
    )


def _ratios(today: Bought, before: Bought) -> Ratios:
    return Ratios(
        rate=today.rate / before.rate,
        p50=today.p50 / before.p50,
        cpu=today.cpu.total / before.cpu.total,
        commits=today.commits / before.commits,
    )


async def warm_up(shop: Shop, concurrency: int) -> Bought:
    return await buy(shop, goods.sku, max(20, 4 * concurrency), concurrency)


def in_a_round(rate: float, concurrency: int, plan: Plan) -> int:
    """How many orders keep a round busy for about its time: at least some for everybody."""
    return min(plan.most_orders, max(4 * concurrency, int(rate * plan.order_seconds)))


async def buy(shop: Shop, sku_of: Callable[[int], str], count: int, concurrency: int) -> Bought:
    """One round: fill, then time the buying and what it causes."""
    orders = await baskets.fill(shop.port, count, sku_of)
    await shop.settle()
    server = await shop.look("postgres")
    counted, used = await server.fetchrow(COUNTERS), usage.cpu(shop.pid)
    sample = await baskets.buy(shop.port, orders, connections=concurrency)
    seconds = sample.seconds + await shop.settle()
    used = usage.cpu(shop.pid) - used
    after = await server.fetchrow(COUNTERS)
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
