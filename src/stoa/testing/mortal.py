"""A whole shop in a process of its own, so that it may die: for a test of what starts again.

await mortal_shop.start(crash_at="giftwrap:chosen")     a name that the service has reached through `resources.reach`
...                                                     it dies there
await mortal_shop.died()
await mortal_shop.start()                               and comes back
await mortal_shop.must_be_sound()
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from stoa.app import STORED
from stoa.audit.audit import audit
from stoa.kit.db import Database
from stoa.runtime.access import Access
from stoa.runtime.kept_files import kept_files
from stoa.runtime.provision import prepare
from stoa.runtime.secrets import Secrets
from stoa.testing import processes
from stoa.testing.contract import traced
from stoa.testing.ports import free_ports

PROCESS = "shop"
"""Of the topology all-in-one."""
START_SECONDS = 90.0
DIE_SECONDS = 60.0
COMMAND_SECONDS = 60.0


class MortalShop:
    """Nothing is sold in it: `http` is its gateway, `databases` are those of its services, by name."""

    def __init__(
        self, access: Access, secret: str, folder: Path, http: aiohttp.ClientSession, ports: tuple[int, int]
    ) -> None:
        self.http = http
        self.databases = {name: Database(name, access.dsn_of(service), 2) for name, service in STORED.items()}
        self.data_dir = folder / "data"
        self._log = folder / "shop.log"
        port, admin_port = ports
        self._base_url = f"http://127.0.0.1:{port}"
        self._words: list[str | Path] = [
            "serve",
            "--process",
            PROCESS,
            "--data-dir",
            self.data_dir,
            "--database-url",
            access.dsn,
        ]
        self._words += ["--name", access.name]
        self._environ = {
            "STOA_SECRET": secret,
            "STOA_SHOP_HTTP": f"127.0.0.1:{port}",
            "STOA_SHOP_ADMIN": f"127.0.0.1:{admin_port}",
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, *, crash_at: str = "", faults: str = "") -> None:
        """Start it, with a place to die at or with faults in its calls, and wait until it is ready; or has died of
        what it found undone."""
        await self.stop()
        environ = self._environ | {"STOA_CRASH_AT": crash_at, "STOA_FAULTS": faults}
        self._process = processes.start(self._words, self._log, **environ)
        give_up = time.monotonic() + START_SECONDS
        while not await processes.is_ready(self.http, self._base_url):
            assert time.monotonic() < give_up, self._said()
            if self._process.poll() is not None:
                assert self._process.returncode == 9, self._said()
                return
            await asyncio.sleep(0.05)

    async def died(self) -> None:
        """Wait for the crash that was asked for."""
        assert self._process is not None, "start() first"
        assert await asyncio.to_thread(self._process.wait, DIE_SECONDS) in {9, -9}, self._said()

    def kill(self) -> None:
        """As kill -9 does, wherever it is."""
        assert self._process is not None, "start() first"
        self._process.kill()

    async def run(self, *words: str) -> str:
        """What `stoa WORDS`, beside the shop, says; it must end well."""
        log = self._log.with_name("command.log")
        log.unlink(missing_ok=True)
        process = processes.start([*words, *self._words[self._words.index("--data-dir") :]], log, **self._environ)
        status = await asyncio.to_thread(process.wait, COMMAND_SECONDS)
        said = log.read_text(errors="replace")
        assert status == 0, said
        return said

    async def must_be_sound(self) -> None:
        """Every invariant holds, the package's too, once what is under way has ended."""
        files = kept_files(self.data_dir, os.environ)
        verdicts = await audit(self.databases, files=files, looks=15, pause_seconds=1.0)
        broken = {verdict.invariant.statement: verdict.findings for verdict in verdicts if verdict.findings}
        assert not broken, f"{broken}\n{self._said()}"

    async def stop(self) -> None:
        if self._process is not None:
            await asyncio.to_thread(processes.stop, self._process)

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-6000:]


@asynccontextmanager
async def mortal_shop_on(dsn: str, folder: Path) -> AsyncIterator[MortalShop]:
    """On databases of its own of the server whose superuser's URL that is; the server goes with the tests."""
    secret = secrets.token_urlsafe(32)
    access = Access(dsn, Secrets(secret), f"mortal_{secrets.token_hex(4)}")
    await prepare(access, STORED.values(), lambda *_: None)
    port, admin_port = free_ports(2)
    async with AsyncExitStack() as stack:
        session = aiohttp.ClientSession(f"http://127.0.0.1:{port}", trace_configs=[traced()])
        http = await stack.enter_async_context(session)
        shop = MortalShop(access, secret, folder, http, (port, admin_port))
        for database in shop.databases.values():
            stack.push_async_callback(database.close)
        stack.push_async_callback(shop.stop)
        yield shop
