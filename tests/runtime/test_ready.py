"""Several processes are ready when each of them can do its work, in whatever order they come up."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from stoa.app import SERVICES
from stoa.kit import settings
from stoa.runtime import topology as topologies
from stoa.runtime.process import Process
from stoa.runtime.secrets import Secrets
from stoa.runtime.settings import ProcessSettings
from stoa.services.search.index.embedded import open_index
from stoa.services.search.settings import Settings
from stoa.testing.ports import free_addresses

PROCESSES = ("gateway", "user", "product", "order")
PERSON = {"password": "a long passphrase", "first_name": "Ada", "last_name": "Lovelace"}


class Town:
    """The processes of three-services, here in one, each to be started when the test says so."""

    def __init__(self, dsns: dict[str, str], data_dir: Path) -> None:
        self.topology = topologies.load("three-services", free_addresses("three-services"))
        self._dsns = dsns
        self._data_dir = data_dir
        self._secrets = {name: Secrets("s" * 40) for name in PROCESSES}
        self.running: dict[str, Process] = {}

    def with_another_secret(self, name: str) -> None:
        self._secrets[name] = Secrets("t" * 40)

    async def start(self, name: str) -> None:
        plan = self.topology.process(name)
        process = self.running[name] = Process(
            self.topology,
            plan,
            lambda service: self._dsns[service.name],
            self._secrets[name],
            settings.read(ProcessSettings, "STOA_", os.environ),
            os.environ,
            self._data_dir,
        )
        await process.build()
        await process.serve()

    async def stop(self, *names: str) -> None:
        await asyncio.gather(*(self.running.pop(name).stop() for name in names))

    async def ready(self, http: aiohttp.ClientSession, name: str = "gateway") -> tuple[int, Any]:
        async with http.get(f"http://{self.topology.process(name).admin}/readyz") as answer:
            return answer.status, await answer.json()

    async def until_ready(self, http: aiohttp.ClientSession) -> None:
        async with asyncio.timeout(30):
            while (await self.ready(http))[0] != 200:
                await asyncio.sleep(0.01)

    async def buy_something(self, http: aiohttp.ClientSession) -> None:
        """A request to each of the processes, once: whoever was told that they are ready does not try again."""
        api = f"http://{self.topology.gateway.http}/api/v1"
        async with http.post(f"{api}/auth/register", json={"email": f"{uuid4().hex}@example.com", **PERSON}) as answer:
            assert answer.status == 201, await answer.text()
            token = (await answer.json())["access_token"]
        async with http.get(f"{api}/products") as answer:
            assert answer.status == 200, await answer.text()
        # Order asks product, and refuses with what product has said.
        line = {"sku": "NONE", "quantity": 1}
        async with http.post(f"{api}/cart/me/items", json=line, headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status in {404, 409, 422}, await answer.text()


@pytest.fixture
async def town(templates: Any, tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Town]]]:
    towns: list[Town] = []
    dsns: dict[str, str] = {name: await templates.copy(name) for name in SERVICES}

    async def make() -> Town:
        towns.append(Town(dsns, tmp_path))
        return towns[-1]

    yield make
    for each in towns:
        await each.stop(*each.running)
    for dsn in dsns.values():
        await templates.drop(dsn)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_whoever_is_told_ready_is_served_in_any_order_of_starts(
    town: Callable[[], Awaitable[Town]], http: aiohttp.ClientSession
) -> None:
    seed = int(os.environ.get("STOA_FAULT_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"STOA_FAULT_SEED={seed}")
    chance = random.Random(seed)
    orders = [PROCESSES, PROCESSES[::-1], *(tuple(chance.sample(PROCESSES, 4)) for _ in range(3))]
    for order in orders:
        here = await town()
        asking = None
        for name in order:
            await asyncio.sleep(chance.uniform(0, 0.5))
            await here.start(name)
            if name == "gateway":
                # From the first moment, as an orchestrator does: what failed early must not be held against anybody.
                asking = asyncio.create_task(here.until_ready(http))
                await _hammer(here, http)
        assert asking is not None
        await asking
        await here.buy_something(http)
        await here.stop(*PROCESSES)


async def _hammer(here: Town, http: aiohttp.ClientSession) -> None:
    """Requests that come too early: enough to open each breaker."""
    for path in ("users/profile", "inventory/X", "cart/x", "products"):
        for _ in range(6):
            async with http.get(f"http://{here.topology.gateway.http}/api/v1/{path}") as answer:
                await answer.read()


async def test_the_door_waits_for_a_slow_one_and_names_it(
    town: Callable[[], Awaitable[Town]], http: aiohttp.ClientSession
) -> None:
    here = await town()
    for name in ("gateway", "user", "product"):
        await here.start(name)
    async with asyncio.timeout(10):
        while (found := await here.ready(http))[1]["troubles"].keys() != {"order"}:
            await asyncio.sleep(0.05)
    status, document = found
    assert (status, document["status"]) == (503, "not ready")
    assert document["neighbors"]["user"] == document["neighbors"]["product"] == "answers"
    await here.start("order")
    await here.until_ready(http)
    await here.buy_something(http)

    # One that goes away later is named, and the others are served on.
    await here.stop("product")
    for name in ("gateway", "order"):
        async with asyncio.timeout(10):
            while (found := await here.ready(http, name))[1]["neighbors"]["product"] == "answers":
                await asyncio.sleep(0.05)
        assert found[0] == 200, found
        assert "troubles" not in found[1]
    await here.start("product")
    for name in ("gateway", "order"):
        async with asyncio.timeout(10):
            while (await here.ready(http, name))[1]["neighbors"]["product"] != "answers":
                await asyncio.sleep(0.05)
    await here.buy_something(http)


async def test_who_calls_a_slow_one_is_not_ready_either(
    town: Callable[[], Awaitable[Town]], http: aiohttp.ClientSession
) -> None:
    here = await town()
    for name in ("gateway", "user", "order"):
        await here.start(name)
    for name in ("user", "order"):
        status, document = await here.ready(http, name)
        assert (status, document["troubles"].keys()) == (503, {"product"})
    status, document = await here.ready(http)
    assert (status, document["troubles"].keys()) == (503, {"user", "product", "order"})
    await here.start("product")
    await here.until_ready(http)


async def test_who_is_not_believed_is_not_ready(
    town: Callable[[], Awaitable[Town]], http: aiohttp.ClientSession
) -> None:
    here = await town()
    here.with_another_secret("product")
    for name in ("user", "product"):
        await here.start(name)
    status, document = await here.ready(http, "product")
    assert status == 503
    assert document["troubles"] == {"user": "the caller does not know the shared secret"}


async def test_who_has_no_index_because_another_process_has_it_is_not_ready(
    town: Callable[[], Awaitable[Town]], http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    here = await town()
    other = await open_index(tmp_path / "cache" / "product" / "search" / "index", Settings().locales)
    for name in ("gateway", "user", "order", "product"):
        await here.start(name)
    status, document = await here.ready(http, "product")
    assert (status, document["troubles"].keys()) == (503, {"search"})
    assert (await here.ready(http))[0] == 503
    await other.close()
    await here.until_ready(http)
    assert (await here.ready(http, "product"))[0] == 200
