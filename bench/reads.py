"""What everybody reads, through the gateway and from a bare app that answers the same bytes and headers.

The two sides take turns on the same core, the load is on the other. A product and a list are answered from
the bytes that the gateway keeps, as they are for every shopper but the first in five seconds; the stock of
a SKU is what a read costs that nobody keeps: the service, and a statement in its database.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from bench import bare, goods, load, usage
from bench.plan import Plan
from bench.progress import Progress
from bench.rounds import medians
from bench.shop import Shop

CONNECTIONS = 32

PATHS = {
    "Product detail": f"/api/v1/products/{goods.slug(7)}",
    "List of 20 products": "/api/v1/products?limit=20",
    "Stock of a SKU, not kept": f"/api/v1/inventory/{goods.sku(7)}",
}


@dataclass(frozen=True)
class Side:
    """One round, or the medians of several. `rate` per second; `p50` and `p99` in seconds; `cpu` of the server per
    request, in seconds, without the database's; `busy` is the client's share of its own core.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    busy: float


@dataclass(frozen=True)
class Read:
    """`ratio` is the median of the rounds' ratios: each compares two runs that followed one another. `kept` if the
    gateway answers it from stored bytes.
    """

    name: str
    path: str
    kept: bool
    body_bytes: int
    gateway: Side
    bare: Side
    ratio: float


async def measure(shop: Shop, plan: Plan, progress: Progress) -> list[Read]:
    progress.expect("Reads", len(PATHS) * plan.rounds)
    answers = await bare.copy_of(shop.port, list(PATHS.values()))
    found = []
    async with bare.start(answers) as other:
        with usage.apart(shop.pid, other.pid):
            for name, path in PATHS.items():
                message = load.request("GET", path)
                pairs = []
                for _ in range(plan.rounds):
                    ours = await _side(shop.port, shop.pid, message, plan.read_seconds)
                    theirs = await _side(other.port, other.pid, message, plan.read_seconds)
                    pairs.append((ours, theirs))
                    progress.advance(f"{name}: {ours.rate:,.0f}/s of {theirs.rate:,.0f}/s")
                size = len(answers[path.partition("?")[0]].body)
                ratio = median(ours.rate / theirs.rate for ours, theirs in pairs)
                mine, bares = medians([ours for ours, _ in pairs]), medians([theirs for _, theirs in pairs])
                found.append(Read(name, path, "/products" in path, size, mine, bares, ratio))
    return found


async def _side(port: int, pid: int, message: bytes, seconds: float) -> Side:
    """One round, after a moment for connections and caches to be warm."""
    await load.run(port, load.repeated(message, seconds / 10), connections=CONNECTIONS)
    before = usage.cpu(pid)
    sample = await load.run(port, load.repeated(message, seconds), connections=CONNECTIONS)
    used = usage.cpu(pid) - before
    if sample.refused(200):
        raise RuntimeError(f"{sample.refused(200)} reads were refused: {dict(sample.statuses)}")
    return Side(sample.rate, sample.quantile(0.5), sample.quantile(0.99), used.services / sample.answers, sample.busy)
