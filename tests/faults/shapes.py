"""A shop in each of the shapes that it runs in, as processes that are started, ended and killed.

async with Together(folder, "three-services") as shop:     # `stoa up`; not started yet
    await shop.start()                                     # ready
    await shop.end(signal.SIGTERM)
    await shop.start()
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil
from journeys.client import Shopper

from stoa.app import SERVICES
from stoa.runtime import secrets as secrets_of
from stoa.runtime import topology as topologies
from stoa.runtime.access import Access
from stoa.runtime.data_dir import DataDir
from stoa.runtime.postgres import dsn_of_running
from stoa.testing import processes
from stoa.testing.contract import traced
from stoa.testing.ports import free_addresses

START_SECONDS = 120
END_SECONDS = 35


class Shape:
    """Whatever way it is left, nothing of it lives on."""

    def __init__(self, folder: Path, topology: str, environ: Mapping[str, str]) -> None:
        self.data_dir = DataDir(folder / "data")
        self._environ = {**free_addresses(topology), "STOA_TOPOLOGY": topology, **environ}
        self._environ["STOA_DATA_DIR"] = str(self.data_dir.path)
        plan = topologies.load(topology, self._environ)
        self.base_url = f"http://{plan.gateway.http}"
        self.names = [each.name for each in plan.processes]
        self._log = folder / "log"
        self._running: list[subprocess.Popen[bytes]] = []
        self._family: list[psutil.Process] = []
        self.http: aiohttp.ClientSession

    def commands(self) -> Sequence[Sequence[str]]:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60), trace_configs=[traced()])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        self._look_around()
        for process in self._running:
            process.kill()
            process.wait()
        for each in self._family:
            if each.is_running():
                each.kill()

    async def start(self) -> None:
        """Start it and return when its door says that it is ready."""
        self._running = [processes.start(words, self._log, **self._environ) for words in self.commands()]
        give_up = time.monotonic() + START_SECONDS
        while not await processes.is_ready(self.http, self.base_url):
            assert time.monotonic() < give_up, self.tail()
            assert all(process.poll() is None for process in self._running), self.tail()
            await asyncio.sleep(0.01)

    async def end(self, how: signal.Signals) -> float:
        """Send this to each process that was started here, and return when all have ended: after how many seconds."""
        started = time.monotonic()
        self._look_around()
        for process in self._running:
            process.send_signal(how)
        statuses = [await asyncio.to_thread(process.wait, END_SECONDS) for process in self._running]
        self._running = []
        if how is not signal.SIGKILL:
            assert set(statuses) == {0}, self.tail()
            assert not any(map(lives, self._family)), self.tail()
        return time.monotonic() - started

    @property
    def family(self) -> list[psutil.Process]:
        """All its processes, those of its database server too where that is its own."""
        self._look_around()
        return self._family

    def tail(self) -> str:
        return self._log.read_text(errors="replace")[-6000:]

    def visitor(self) -> Shopper:
        return Shopper(self.http, self.base_url)

    async def admin(self) -> Shopper:
        written = dict(line.split(": ", 1) for line in self.data_dir.admin.read_text().splitlines())
        return await self.visitor().sign_in(written["email"], written["password"])

    async def must_serve(self, sku: str) -> str:
        """A product's page, a login and a guest's order, each at the first try; the order's id."""
        visitor = self.visitor()

        async def order() -> str:
            cart = await visitor.ok("POST", "/cart", status=201)
            await visitor.ok("POST", f"/cart/{cart['id']}/items", {"sku": sku, "quantity": 1}, status=201)
            made: dict[str, Any] = await visitor.buy(cart_id=cart["id"], email="guest@example.com")
            return str(made["id"])

        _, _, order_id = await asyncio.gather(visitor.ok("GET", "/products/olive-oil-soap"), self.admin(), order())
        return order_id

    def run(self, *words: str) -> None:
        with processes.running(words, self._log, **self._environ) as process:
            assert process.wait(START_SECONDS) == 0, self.tail()

    def _look_around(self) -> None:
        for process in self._running:
            if process.poll() is None:
                parent = psutil.Process(process.pid)
                self._family = [each for each in self._family if each.is_running()]
                self._family += {parent, *parent.children(recursive=True)} - set(self._family)


class Together(Shape):
    """`stoa up`, with a database server of its own."""

    def __init__(self, folder: Path, topology: str, **environ: str) -> None:
        super().__init__(folder, topology, environ)

    def commands(self) -> Sequence[Sequence[str]]:
        return [["up"]]

    def access(self) -> Access:
        """To its databases, while it runs."""
        secrets = secrets_of.load(self.data_dir.secrets, {})
        dsn = dsn_of_running(self.data_dir.postgres, secrets.superuser)
        assert dsn
        return Access(dsn, secrets)

    def dsn_of(self, service: str) -> str:
        return self.access().dsn_of(SERVICES[service])


class Apart(Shape):
    """Every process of a topology by itself, on a database server that stays."""

    def __init__(self, folder: Path, topology: str, database_url: str, **environ: str) -> None:
        super().__init__(folder, topology, {"STOA_DATABASE_URL": database_url, "STOA_NAME": "apart"} | environ)

    def commands(self) -> Sequence[Sequence[str]]:
        if not (self.data_dir.path / "seeded").exists():
            self.run("seed")
        return [["serve", "--process", name] for name in self.names]


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
