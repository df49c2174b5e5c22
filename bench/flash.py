"""A flash sale: a thousand buyers at the same moment for a hundred pieces of one SKU, beside the baseline.

Each has a connection and a cart with one piece, and all order at once. Who is told to come again (the
checkout takes so many at a time) comes again with the same key, as a client does. It ends when each has an
order or has heard of which SKU there is nothing left; then exactly as many orders stand as there were pieces, or the
run fails.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from statistics import median
from uuid import uuid4

from bench import baskets, load
from bench.load import quantile
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.shop import Shop

COME_AGAIN_SECONDS = 1.0
"""What the shop says who cannot be served yet should wait."""
LONGEST_SECONDS = 300.0
OUT_OF_STOCK = b"/problems/out-of-stock"

STANDING = """
    SELECT count(*) FROM orders JOIN order_items ON order_items.order_id = orders.id
    WHERE order_items.sku = $1 AND orders.status = 'confirmed'
"""
LEFT = "SELECT sum(on_hand) FROM stock WHERE sku = $1"


class SoldWrongly(Exception):
    """More or fewer orders stand than there were pieces."""


@dataclass(frozen=True)
class Waits:
    p50: float
    p99: float


@dataclass(frozen=True)
class Sale:
    """One round, in seconds: until all were answered for good, and how long those waited for it who got a piece, and
    those who came too late; `again` is how often somebody was told to come again.
    """

    seconds: float
    served: Waits
    too_late: Waits
    again: float


@dataclass(frozen=True)
class Flash:
    """Medians of the rounds; `ratio` is of today's seconds to the baseline's in the same round."""

    buyers: int
    pieces: int
    today: Sale
    baseline: Sale | None
    ratio: float | None


async def measure(shop: Shop, baseline: Shop | None, plan: Plan, progress: Progress) -> Flash:
    progress.expect("Flash sale", plan.rounds)
    todays, befores = [], []
    for _ in range(plan.rounds):
        todays.append(await sell(shop, plan.buyers, plan.pieces))
        figure = f"{plan.buyers:,} answered in {todays[-1].seconds:.1f} s"
        if baseline is not None:
            befores.append(await sell(baseline, plan.buyers, plan.pieces))
            figure += f" beside {befores[-1].seconds:.1f} s"
        progress.advance(figure)
    return Flash(
        plan.buyers,
        plan.pieces,
        medians(todays),
        medians(befores) if befores else None,
        median(one.seconds / other.seconds for one, other in zip(todays, befores, strict=True)) if befores else None,
    )


async def sell(shop: Shop, buyers: int, pieces: int) -> Sale:
    """One sale of a new product. Raises `SoldWrongly`."""
    sku = f"FLASH-{uuid4().hex[:12].upper()}"
    variant = {"sku": sku, "name": "", "price": {"amount": 4999, "currency": "GBP"}}
    product = {"slug": sku.lower(), "name": "A lamp", "status": "active", "variants": [variant]}
    await shop.as_admin("POST", "/products", product)
    await shop.as_admin("PUT", f"/inventory/{sku}", {"on_hand": pieces})
    orders = await baskets.fill(shop.port, buyers, lambda _: sku)
    await shop.settle()
    started = time.perf_counter()
    heard = await asyncio.gather(*(_buyer(shop.port, order, sku) for order in orders))
    seconds = time.perf_counter() - started
    await shop.settle()
    outcomes = Counter(status for status, _, _ in heard)
    standing = await (await shop.look("stoa_order")).fetchval(STANDING, sku)
    left = await (await shop.look("stoa_inventory")).fetchval(LEFT, sku)
    if (standing, left, outcomes) != (pieces, 0, Counter({201: pieces, 409: buyers - pieces})):
        raise SoldWrongly(f"{standing} orders of {pieces} pieces, {left} left, answers {dict(outcomes)}")
    served, too_late = ([wait for status, wait, _ in heard if status == each] for each in (201, 409))
    return Sale(seconds, _waits(served), _waits(too_late), float(sum(again for _, _, again in heard)))


def _waits(seconds: list[float]) -> Waits:
    return Waits(quantile(seconds, 0.5), quantile(seconds, 0.99))


async def _buyer(port: int, order: bytes, sku: str) -> tuple[int, float, int]:
    """The status of the last answer, when it came, and how often this buyer was told to come again."""
    started = time.perf_counter()
    again = 0
    while True:
        sample = await load.run(port, iter([order]), connections=1, keep_bodies=True)
        (status,), (body,) = sample.statuses, sample.bodies
        seconds = time.perf_counter() - started
        if status == 201 or (status == 409 and OUT_OF_STOCK in body and sku.encode() in body):
            return status, seconds, again
        if status not in {202, 409, 429, 503} or seconds > LONGEST_SECONDS:
            raise RuntimeError(f"a buyer was told {status}: {body.decode()}")
        again += 1
        await asyncio.sleep(COME_AGAIN_SECONDS)
