"""An installation under attack: its processes are real, its disk waits for the data, and kill means kill -9.

async with Installation(folder) as shop:      # the database server runs, all services do not yet
    await shop.start(crash_at="checkout:before:capture_payment")
    ...                                       # it dies there
    await shop.start()                        # and comes back
    await shop.must_be_sound()
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import aiohttp
import psutil
from journeys.client import ADDRESS, Answer, Shopper, card

from stoa.app import SERVICES
from stoa.audit.audit import audit
from stoa.kit.db import Database
from stoa.runtime import secrets as secrets_of
from stoa.runtime.access import Access
from stoa.runtime.data_dir import DataDir
from stoa.runtime.kept_files import kept_files
from stoa.runtime.postgres import dsn_of_running
from stoa.testing import processes
from stoa.testing.contract import traced
from stoa.testing.ports import free_ports

START_SECONDS = 120
ANSWER_SECONDS = 120


@dataclass
class Child:
    """A command under way, with its output in a file."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """As the kernel or a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            assert processes.stop(self.process) == 0, self.tail()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-6000:]


class Installation:
    """A data directory, its database server, and the shop that is started and killed on it."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = DataDir(folder / "data")
        self.port, self.admin_port = free_ports(2)
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._closing = AsyncExitStack()
        self._shop: Child | None = None
        self.http: aiohttp.ClientSession
        self.access: Access
        self.databases: dict[str, Database]
        self.superuser_dsn: str

    async def __aenter__(self) -> Self:
        async with self._closing:
            if not self.data_dir.path.exists():  # else it was restored
                self.command("seed")
            server = self._spawn("postgres")
            self._closing.callback(server.stop)
            await self._until_database_runs(server)
            self._open_databases()
            timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
            session = aiohttp.ClientSession(timeout=timeout, trace_configs=[traced()])
            self.http = await self._closing.enter_async_context(session)
            self._closing.callback(self.stop)
            self._closing = self._closing.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    async def start(self, *, crash_at: str = "", faults: str = "", **environment: str) -> None:
        """Start the services, with a place to die at or with faults in their calls, and wait until they are ready."""
        self.stop()
        environment |= {"STOA_CRASH_AT": crash_at, "STOA_FAULTS": faults}
        self._shop = self._spawn("serve", "--process", "shop", **environment)
        give_up = time.monotonic() + START_SECONDS
        while not await processes.is_ready(self.http, self.base_url):
            assert time.monotonic() < give_up, self._shop.tail()
            assert self._shop.process.poll() in {None, -9, 9}, self._shop.tail()
            if self._shop.process.poll() is not None:
                return  # it found its own crashed work, and died of the same
            await asyncio.sleep(0.05)

    async def died(self, within_seconds: float = 30.0) -> None:
        """Wait for the crash that was asked for."""
        assert self._shop is not None
        status = await asyncio.to_thread(self._shop.process.wait, within_seconds)
        assert status in {9, -9}, self._shop.tail()

    def kill(self) -> None:
        """kill -9 of the process with all services in it."""
        assert self._shop is not None
        self._shop.kill()

    def process(self) -> psutil.Process:
        """The one with all services in it."""
        assert self._shop is not None
        return psutil.Process(self._shop.process.pid)

    def visitor(self) -> Shopper:
        return Shopper(self.http, self.base_url)

    async def admin(self) -> Shopper:
        written = dict(line.split(": ", 1) for line in self.data_dir.admin.read_text().splitlines())
        return await self.visitor().sign_in(written["email"], written["password"])

    async def new_product(self, *, on_hand: int, price: int = 1000) -> str:
        admin = await self.admin()
        sku = f"F-{uuid4().hex[:10]}".upper()
        variant = {"sku": sku, "name": "", "price": {"amount": price, "currency": "GBP"}}
        product = {"slug": sku.lower(), "name": "A thing", "status": "active", "variants": [variant]}
        await admin.ok("POST", "/products", product, status=201)
        await admin.ok("PUT", f"/inventory/{sku}", {"on_hand": on_hand})
        return sku

    async def guest_with(self, sku: str, quantity: int = 1) -> dict[str, Any]:
        """What a guest with a filled cart sends to order it."""
        guest = self.visitor()
        cart = await guest.ok("POST", "/cart", status=201)
        await guest.ok("POST", f"/cart/{cart['id']}/items", {"sku": sku, "quantity": quantity}, status=201)
        return {
            "cart_id": cart["id"],
            "email": "guest@example.com",
            "shipping_method": "standard",
            "shipping_address": ADDRESS,
            "payment": card(),
        }

    async def order(self, body: dict[str, Any], key: str) -> Answer | None:
        """One attempt; None where no answer came."""
        try:
            return await self.visitor().send("POST", "/orders", body, key=key)
        except (aiohttp.ClientConnectionError, TimeoutError):
            return None

    async def order_until_answered(self, body: dict[str, Any], key: str) -> Answer:
        """The same request again and again, as a patient client would, until it is decided."""
        give_up = time.monotonic() + ANSWER_SECONDS
        while True:
            answer = await self.order(body, key)
            if answer is not None and answer.status in {201, 402, 422}:
                return answer
            if answer is not None and answer.status == 409 and answer.problem != "request-in-progress":
                return answer
            assert time.monotonic() < give_up, answer
            await asyncio.sleep(0.1)

    async def must_be_sound(self) -> None:
        """All invariants hold."""
        files = kept_files(self.data_dir.path, os.environ)
        verdicts = await audit(self.databases, files=files, looks=15, pause_seconds=1.0)
        broken = {verdict.invariant.statement: verdict.findings for verdict in verdicts if verdict.findings}
        assert not broken, f"{broken}\n{self._shop.tail() if self._shop else ''}"

    async def stock(self, sku: str) -> tuple[int, int]:
        """On hand and reserved, once nothing of it is promised any more."""
        give_up = time.monotonic() + ANSWER_SECONDS
        while True:
            row = await self.databases["inventory"].fetchrow(STOCK, sku)
            assert row is not None
            if row["reserved"] == 0:
                return row["on_hand"], 0
            assert time.monotonic() < give_up, dict(row)
            await asyncio.sleep(0.05)

    def _spawn(self, *words: str | Path, **environment: str) -> Child:
        log = self._folder / f"{words[0]}-{uuid4().hex[:6]}.log"
        settings = {
            "STOA_SHOP_HTTP": f"127.0.0.1:{self.port}",
            "STOA_SHOP_ADMIN": f"127.0.0.1:{self.admin_port}",
            "STOA_GATEWAY_REQUESTS_PER_MINUTE": "1000000",
        }
        command = [*words, "--data-dir", self.data_dir.path]
        return Child(processes.start(command, log, **settings, **environment), log)

    def command(self, *words: str | Path) -> None:
        """One that ends by itself, and well."""
        child = self._spawn(*words)
        assert child.process.wait(timeout=START_SECONDS) == 0, child.tail()

    def stop(self) -> None:
        if self._shop is not None and self._shop.process.poll() is None:
            self._shop.stop()

    async def _until_database_runs(self, server: Child) -> None:
        give_up = time.monotonic() + START_SECONDS
        while "Ctrl-C" not in server.log.read_text():
            assert time.monotonic() < give_up, server.tail()
            assert server.process.poll() is None, server.tail()
            await asyncio.sleep(0.05)

    def _open_databases(self) -> None:
        secrets = secrets_of.load(self.data_dir.secrets, {})
        dsn = dsn_of_running(self.data_dir.postgres, secrets.superuser)
        assert dsn
        self.superuser_dsn = dsn
        self.access = Access(dsn, secrets)
        self.databases = {name: Database(name, self.access.dsn_of(service), 2) for name, service in SERVICES.items()}
        for database in self.databases.values():
            self._closing.push_async_callback(database.close)


STOCK = "SELECT sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved FROM stock WHERE sku = $1"
