"""Search in shops of ever more products: how long an index takes to be made, how large it is, how long a question
takes, how soon what was written is found, and what grows with the number of products.

The goods are written into the databases (`bench.stocked`); the shop then starts with an empty index, which follows the
documents. The same questions are asked through the gateway, of the service alone (its code in this process, over the
shop's database and the index that it made, with nothing on the way), and of a plain index (`bench.plain_index`).
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlencode
from uuid import uuid4

import msgspec

from bench import assortment, copies, load, plain_index, stocked
from bench.assortment import Asked
from bench.load import quantile
from bench.million import NoRoom
from bench.plan import Plan
from bench.progress import Progress
from bench.shop import Shop, running
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.db import Database
from stoa.runtime.data_dir import DataDir
from stoa.services.search import answers, search_over
from stoa.services.search.asked import SearchQuery, SuggestQuery
from stoa.services.search.index import embedded
from stoa.services.search.service import Neighbors, Search
from stoa.services.search.settings import Settings

BYTES_EACH = 10_000
"""What a product takes at most, with its document, its place in the index and what the database notes meanwhile."""
AT_ONCE = 8
INDEX_SECONDS = 1800.0
FRESH_SECONDS = 30.0
WARM_UP = 20


@dataclass(frozen=True)
class Took:
    """Seconds."""

    p50: float
    p99: float


@dataclass(frozen=True)
class Kind:
    """Of one kind of question: `service` and `gateway` asked by one, `rate` per second of `AT_ONCE`; `cpu` is what one
    takes in the service, in seconds. The plain index knows no suggestions and no misspelled words."""

    what: str
    service: Took
    cpu: float
    gateway: Took
    rate: float
    plain: Took | None


@dataclass(frozen=True)
class Made:
    """An index that was made of so many products."""

    seconds: float
    size_bytes: int


@dataclass(frozen=True)
class Size:
    """A shop of so many products. `fresh_p50` and `fresh_most` are seconds."""

    products: int
    made: Made
    plain: Made
    database_bytes: int
    kinds: list[Kind]
    fresh_p50: float
    fresh_most: float


async def measure(folder: Path, shape: str, plan: Plan, progress: Progress) -> list[Size]:
    """Raises `NoRoom`."""
    needed = max(plan.searched) * BYTES_EACH
    if shutil.disk_usage(folder).free < 1.2 * needed:
        raise NoRoom(f"{max(plan.searched):,} products need {needed / 1e9:.0f} GB in {folder.parent}")
    return [await _size(folder / f"search-{count}", shape, count, plan, progress) for count in plan.searched]


async def _size(place: Path, shape: str, count: int, plan: Plan, progress: Progress) -> Size:
    asked = assortment.questions(count, plan.questions)
    progress.expect(f"Search {count:,}", 3 + len(asked))
    async with running(place, shape) as shop:
        made_of = await stocked.template(shop)
    started = time.perf_counter()
    await stocked.fill(DataDir(place), made_of, count, lambda _: None)
    progress.advance(f"filled in {time.perf_counter() - started:,.0f} s")
    async with running(place, shape) as shop:
        seconds = await _until_found(shop, count)
        progress.advance(f"an index of {count:,} made in {seconds:,.1f} s, {count / seconds:,.0f} products/s")
        await shop.settle()
        database_bytes = sum([await (await shop.look(each)).fetchval(SIZE) for each in shop.services])
        gateway = [await _through_gateway(shop, each) for each in asked]
        fresh = [await _fresh(shop) for _ in range(plan.fresh)]
        progress.advance(f"found {median(fresh) * 1e3:,.0f} ms after it was written, {max(fresh) * 1e3:,.0f} at most")
    (index,) = (place / "cache").glob("*/search/index")
    async with copies.serving(DataDir(place)) as server, _service(server.dsn("stoa_search"), index) as service:
        alone = [await _in_service(service, each) for each in asked]
    plain, beside = await asyncio.to_thread(plain_index.measure, place / "plain", count, asked)
    kinds = []
    for of, (through, rate), inside, least in zip(asked, gateway, alone, beside, strict=True):
        kinds.append(Kind(of.what, *inside, through, rate, least and Took(*least)))
        inner = inside[0]
        progress.advance(
            f"{of.what}: {inner.p50 * 1e3:.2f} and {inner.p99 * 1e3:.2f} ms, {through.p50 * 1e3:.2f} and "
            f"{through.p99 * 1e3:.2f} through the gateway"
        )
    made = Made(seconds, size_of(index))
    await asyncio.to_thread(shutil.rmtree, place)
    return Size(count, made, Made(*plain), database_bytes, kinds, median(fresh), max(fresh))


SIZE = "SELECT pg_database_size(current_database())"


def size_of(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


async def _until_found(shop: Shop, count: int) -> float:
    """From the first page of a shop whose index has nothing to the first answer out of one that has all."""
    started = time.perf_counter()
    while time.perf_counter() - started < INDEX_SECONDS:
        url = f"http://{load.HOST}:{shop.port}/api/v1/search?facets=none&in_stock=true&max_price={_other()}"
        async with shop.session.get(url) as answer:
            if answer.status == 200 and (await answer.json())["total"] >= count:
                return time.perf_counter() - started
        await asyncio.sleep(0.05)
    raise RuntimeError(f"the index does not have its products after {INDEX_SECONDS:.0f} s")


def _other() -> int:
    """A highest price above all: a question that the gateway was not asked before."""
    return 10_000_000 + uuid4().int % 1_000_000


async def _through_gateway(shop: Shop, asked: Asked) -> tuple[Took, float]:
    """Of one after another; and how many a second of several at once."""
    requests = [load.request("GET", f"/api/v1{asked.path}?{urlencode(each)}") for each in asked.parameters]
    # What was asked is kept for half a second; it takes longer to come to it again.
    alone = await load.run(shop.port, iter(requests), connections=1, keep_bodies=True)
    await asyncio.sleep(KEPT_SECONDS)
    several = await load.run(shop.port, iter(requests), connections=AT_ONCE)
    for sample in (alone, several):
        if sample.refused(200):
            raise RuntimeError(f"searches were refused: {dict(sample.statuses)}")
    if asked.found and not all(msgspec.json.decode(body)["total"] for body in alone.bodies):
        raise RuntimeError(f"{asked.what}: what is there was not found")
    return Took(alone.quantile(0.5), alone.quantile(0.99)), several.rate


KEPT_SECONDS = 1.0
"""Longer than the gateway keeps a page of search."""


@asynccontextmanager
async def _service(dsn: str, index: Path) -> AsyncIterator[Search]:
    """Search in this process, over the database and the index of a shop that does not run."""
    db = Database("search", dsn, 2)
    nobody = InProcessChannel(Registry())
    neighbors = Neighbors(CatalogServiceStub(nobody), InventoryServiceStub(nobody))
    settings = Settings()
    service = search_over(db, settings, neighbors, partial(embedded.open_index, index, settings.locales))
    try:
        # A request waits for it, but not for as long as a million products take.
        await service.following.worker.run()
        yield service
    finally:
        await service.stop()
        await db.close()


async def _in_service(service: Search, asked: Asked) -> tuple[Took, float]:
    """From the question, as the service understands it, to the answer's bytes; and the CPU of one."""
    ask: Callable[[dict[str, str]], Awaitable[object]] = partial(
        _search if asked.path == "/search" else _suggest, service
    )
    for each in asked.parameters[:WARM_UP]:
        await ask(each)
    before = time.process_time()
    seconds = [await _timed(ask, each) for each in asked.parameters]
    used = time.process_time() - before
    return Took(quantile(seconds, 0.5), quantile(seconds, 0.99)), used / len(seconds)


async def _timed(ask: Callable[[dict[str, str]], Awaitable[object]], parameters: dict[str, str]) -> float:
    started = time.perf_counter()
    msgspec.json.encode(await ask(parameters))
    return time.perf_counter() - started


async def _search(service: Search, parameters: dict[str, str]) -> object:
    return await answers.search(service, msgspec.convert(parameters, SearchQuery, strict=False))


async def _suggest(service: Search, parameters: dict[str, str]) -> object:
    return await answers.suggest(service, msgspec.convert(parameters, SuggestQuery, strict=False))


async def _fresh(shop: Shop) -> float:
    """From the answer to a product's writing until a search finds it, which is asked another question each time."""
    word = f"new{uuid4().hex}"
    variant = {"sku": word.upper(), "price": {"amount": 1999, "currency": "GBP"}}
    product = {"slug": word, "name": f"Just written {word}", "status": "active", "variants": [variant]}
    await shop.as_admin("POST", "/products", product)
    written = time.perf_counter()
    while time.perf_counter() - written < FRESH_SECONDS:
        found = await shop.send("GET", f"/search?q={word}&facets=none&max_price={_other()}")
        if any(each["slug"] == word for each in found["items"]):
            return time.perf_counter() - written
    raise RuntimeError(f"what was written is not found after {FRESH_SECONDS:.0f} s")
