"""From the commit that announces an event to the commit of its effect with whoever hears of it.

Nothing is added to the shop for that: PostgreSQL is told to remember when each transaction committed
(`track_commit_timestamp`), to the microsecond, and is asked afterwards. The announcer's transaction wrote the
event's row in `event_log`, the hearer's wrote its row in `inbox` as it is now, done: both rows name the
transaction that wrote them. What the gateway hears is not in it, because that keeps nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from bench import baskets, goods, two_commits
from bench.load import quantile
from bench.plan import Plan
from bench.progress import Progress
from bench.shop import Shop, running

AT_REST_SECONDS = 0.05
"""Between two events that come alone: each finds the shop at rest."""
AT_ONCE = 20
"""Products in one request at a steady rate: with one in each, the requests and not the events are the load."""
RATE = 500
"""Events per second."""

ANNOUNCED = "SELECT event_id, pg_xact_commit_timestamp(xmin) AS at FROM event_log WHERE time >= $1"
HAD_ITS_EFFECT = """
    SELECT event_id, pg_xact_commit_timestamp(xmin) AS at FROM inbox WHERE done_at IS NOT NULL AND time >= $1
"""


@dataclass(frozen=True)
class Effects:
    """Seconds from commit to commit, of so many events and hearers."""

    count: int
    p50: float
    p99: float


@dataclass(frozen=True)
class Case:
    """`least` is what two commits take at the same pace, with nothing else done (`bench.two_commits`)."""

    what: str
    today: Effects
    baseline: Effects | None
    least: Effects


async def measure(folder: Path, code: Path | None, shape: str, plan: Plan, progress: Progress) -> list[Case]:
    """With shops of their own over `folder`; the baseline's is imported from `code`."""
    cases = (
        _Work(
            "A SKU sells out or comes back, alone",
            lambda shop: _count(shop, plan.events),
            lambda shop: two_commits.took(shop, plan.events, 1, AT_REST_SECONDS),
        ),
        _Work(
            "Orders one after another",
            lambda shop: _order(shop, plan.events),
            lambda shop: two_commits.took(shop, plan.events, 1, 0.0),
        ),
        _Work(
            f"{RATE} events a second, {AT_ONCE} in a commit",
            lambda shop: _add(shop, plan.events // 2),
            lambda shop: two_commits.took(shop, plan.events // 2, AT_ONCE, AT_ONCE / RATE),
            # There is no request with several products in it.
            baseline=False,
        ),
    )
    progress.expect("Events", len(cases))
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(_remembering(folder / "events", shape))
        before = await stack.enter_async_context(_remembering(folder / "before", shape, code)) if code else None
        return [await _case(each, shop, before, progress) for each in cases]


@dataclass(frozen=True)
class _Work:
    name: str
    act: Callable[[Shop], Awaitable[None]]
    least: Callable[[Shop], Awaitable[list[float]]]
    baseline: bool = True


async def _case(work: _Work, shop: Shop, baseline: Shop | None, progress: Progress) -> Case:
    today = await _effects(shop, work.act)
    before = await _effects(baseline, work.act) if baseline and work.baseline else None
    least = _of(await work.least(shop))
    beside = f", {before.p50 * 1e3:.1f} and {before.p99 * 1e3:.1f} of the baseline" if before else ""
    alone = f", {least.p50 * 1e3:.1f} of two commits alone"
    progress.advance(f"{work.name}: p50 {today.p50 * 1e3:.1f} ms, p99 {today.p99 * 1e3:.1f} ms{beside}{alone}")
    return Case(work.name, today, before, least)


@asynccontextmanager
async def _remembering(data_dir: Path, shape: str, code: Path | None = None) -> AsyncIterator[Shop]:
    """A shop whose server knows when each transaction committed: it is told so, and started again."""
    async with running(data_dir, shape, code) as shop:
        await goods.stock_up(shop)
        server = await shop.look("postgres")
        await server.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    async with running(data_dir, shape, code) as shop:
        # Unheard, so that connections are open and plans are made.
        await _order(shop, 10)
        await _count(shop, 20)
        await shop.settle()
        yield shop


async def _effects(shop: Shop, act: Callable[[Shop], Awaitable[None]]) -> Effects:
    began = datetime.now(UTC)
    await act(shop)
    await shop.settle()
    announced, took = {}, []
    looks = [await shop.look(database) for database in shop.services]
    for each in looks:
        announced.update({row["event_id"]: row["at"] for row in await each.fetch(ANNOUNCED, began)})
    for each in looks:
        effects = await each.fetch(HAD_ITS_EFFECT, began)
        took += [(row["at"] - announced[row["event_id"]]).total_seconds() for row in effects]
    if not took:
        raise RuntimeError("no event had an effect")
    return _of(took)


def _of(took: list[float]) -> Effects:
    return Effects(len(took), quantile(took, 0.5), quantile(took, 0.99))


async def _order(shop: Shop, count: int) -> None:
    await baskets.buy(shop.port, await baskets.fill(shop.port, count, goods.sku), connections=1)
    await shop.settle()


async def _count(shop: Shop, count: int) -> None:
    """Again and again nothing is left of a SKU, or something is there again; cart and search hear of it."""
    for number in range(count):
        there = 0 if number % 2 == 0 else goods.ON_HAND
        await shop.as_admin("PUT", f"/inventory/{goods.sku(number // 2)}", {"on_hand": there})
        await asyncio.sleep(AT_REST_SECONDS)


async def _add(shop: Shop, count: int) -> None:
    """Products, several in one request; inventory, search and media hear of each."""

    async def add() -> None:
        written = await shop.as_admin("POST", "/products/bulk", {"products": [_product() for _ in range(AT_ONCE)]})
        if written["counts"]["created"] != AT_ONCE:
            raise RuntimeError(f"products were refused: {written}")

    # Each at its time, whether the ones before it have ended or not.
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(started + number * AT_ONCE / RATE - loop.time())
            group.create_task(add())


def _product() -> dict[str, object]:
    name = uuid4().hex
    variant = {"sku": name.upper(), "name": "", "price": {"amount": 1999, "currency": "GBP"}}
    return {"slug": name, "name": name, "description": goods.DESCRIPTION, "status": "active", "variants": [variant]}
