"""Every order on the same SKU, in turns with the same orders spread over the assortment.

A row that everybody wants to change lets one transaction through at a time, and gets slower the more wait
for it. The shop gathers those who wait and changes the row once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from bench import goods
from bench.orders import Bought, buy, in_a_round
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.shop import Shop


@dataclass(frozen=True)
class HotSku:
    concurrency: int
    hot: Bought
    spread: Bought
    ratio: float


async def measure(shop: Shop, plan: Plan, progress: Progress) -> list[HotSku]:
    progress.expect("Hot SKU", plan.rounds * len(plan.crowds))
    return [await _crowd(shop, concurrency, plan, progress) for concurrency in plan.crowds]


async def _crowd(shop: Shop, concurrency: int, plan: Plan, progress: Progress) -> HotSku:
    hot = spread = await buy(shop, goods.sku, 2 * concurrency, concurrency)
    pairs = []
    for _ in range(plan.rounds):
        hot = await buy(shop, _always_the_same, in_a_round(hot.rate, concurrency, plan), concurrency)
        spread = await buy(shop, goods.sku, in_a_round(spread.rate, concurrency, plan), concurrency)
        pairs.append((hot, spread))
        progress.advance(f"{concurrency} at once: {hot.rate:,.0f}/s on one SKU, {spread.rate:,.0f}/s spread")
    return HotSku(
        concurrency,
        medians([hot for hot, _ in pairs]),
        medians([spread for _, spread in pairs]),
        median(hot.rate / spread.rate for hot, spread in pairs),
    )


def _always_the_same(_: int) -> str:
    return goods.sku(0)
