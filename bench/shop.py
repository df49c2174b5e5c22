"""A shop to measure: `stoa up` in a process of its own on free ports, with the rate limits lifted.

It is started as a user starts it, and asked as anybody would: over HTTP. Only what no request can tell
(whether all events have arrived, what PostgreSQL counted) is read from the databases, as superuser.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from bench.load import HOST
from stoa.runtime import children, topology
from stoa.runtime import secrets as secrets_of
from stoa.runtime.data_dir import DataDir
from stoa.runtime.postgres import dsn_of_running
from stoa.testing.ports import free_addresses

# The load comes from one address and would be refused as the machine it is; everything else is the default.
SETTINGS = {
    "STOA_GATEWAY_REQUESTS_PER_MINUTE": "0",
    "STOA_GATEWAY_SIGN_INS_PER_MINUTE": "0",
    # A thousand buyers at once are a thousand connections.
    "STOA_MOST_CONNECTIONS": "2000",
    "STOA_LOG_LEVEL": "WARNING",
}
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
START_SECONDS = 300.0
SETTLE_SECONDS = 300.0
_STOP = ((signal.SIGTERM, 45.0),)
FIRST_PAGE = "/api/v1/products?limit=20"

DATABASES = r"SELECT datname FROM pg_database WHERE datname LIKE 'stoa\_%' AND datname <> 'stoa_bench' ORDER BY datname"
OWED = "SELECT EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM inbox WHERE done_at IS NULL AND parked_at IS NULL)"
BUSY = {
    "stoa_checkout": "SELECT EXISTS (SELECT FROM checkouts WHERE state IN ('running', 'compensating'))",
    # The demo shop's pictures are made when it has started, and announced one by one.
    "stoa_media": "SELECT EXISTS (SELECT FROM files WHERE state = 'uploaded')",
    # What search has heard of it asks others about.
    "stoa_search": "SELECT EXISTS (SELECT FROM stale)",
}
"""What will announce or ask something, by the database in which it stands."""


class DidNotStart(Exception):
    """The shop ended or stayed silent; the message has the end of its log."""


@dataclass
class Shop:
    """A shop that runs. `first_page_seconds` is from the command to the first page with goods on it."""

    pid: int
    port: int
    data_dir: Path
    topology: str
    first_page_seconds: float
    session: aiohttp.ClientSession
    addresses: Mapping[str, str]
    """Where its processes are reached, by the variables that say so."""
    token: str = ""
    looks: dict[str, asyncpg.Connection] = field(default_factory=dict)
    """A connection to each database, kept: opening one takes as much of the server as half an order."""
    services: tuple[str, ...] = ()
    """The databases of its services, whatever services there are in its commit."""

    def dsn(self, database: str = "postgres") -> str:
        """As superuser of the embedded server."""
        place = DataDir(self.data_dir)
        dsn = dsn_of_running(place.postgres, secrets_of.load(place.secrets, {}).superuser)
        assert dsn is not None, "the shop runs, and so does its server"
        return dsn.rpartition("/")[0] + f"/{database}"

    async def postgres_version(self) -> str:
        connection = await asyncpg.connect(self.dsn())
        try:
            return str(await connection.fetchval("SHOW server_version"))
        finally:
            await connection.close()

    async def send(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        """The answer's document. Raises for a refusal: what prepares a measurement must not fail."""
        headers = {"Idempotency-Key": os.urandom(16).hex()} if method != "GET" else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = f"http://{HOST}:{self.port}/api/v1{path}"
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json() if answer.content_length else None

    async def as_admin(self, method: str, path: str, body: Any = None) -> Any:
        """With the password that the first start wrote down."""
        if not self.token:
            written = dict(line.split(": ", 1) for line in DataDir(self.data_dir).admin.read_text().splitlines())
            account = {"email": written["email"], "password": written["password"]}
            self.token = (await self.send("POST", "/auth/login", account))["access_token"]
        return await self.send(method, path, body, token=self.token)

    async def look(self, database: str) -> asyncpg.Connection:
        """A connection to this database, kept until the shop stops."""
        kept = self.looks.get(database)
        if kept is None or kept.is_closed():
            kept = self.looks[database] = await asyncpg.connect(self.dsn(database))
        return kept

    async def settle(self) -> float:
        """Wait until every checkout has ended, every picture is made, every event has had its effect and search has
        looked at what it heard of; the seconds that took."""
        if not self.services:
            server = await self.look("postgres")
            self.services = tuple(row["datname"] for row in await server.fetch(DATABASES))
        asked = [(await self.look(database), sql) for database, sql in BUSY.items() if database in self.services]
        asked += [(await self.look(database), OWED) for database in self.services]
        started = time.perf_counter()
        quiet = 0
        # Twice in a row: an event may go from where nobody has looked yet to where somebody has.
        while quiet < 2:
            busy = any([await each.fetchval(sql) for each, sql in asked])
            quiet = 0 if busy else quiet + 1
            if time.perf_counter() - started > SETTLE_SECONDS:
                raise RuntimeError(f"events are still on their way after {SETTLE_SECONDS:.0f} s")
            if busy:
                await asyncio.sleep(0.02)
        return time.perf_counter() - started


@contextlib.asynccontextmanager
async def running(data_dir: Path, shape: str, code: Path | None = None) -> AsyncIterator[Shop]:
    """The shop over `data_dir` in the topology `shape`, stopped at the end of the block. Raises `DidNotStart`.

    `code` is where its own is imported from (`bench.baseline`); without it, it is ours.
    """
    addresses = free_addresses(shape)
    port = int(addresses[topology.variable_of(topology.load(shape, {}).gateway.name, "http")].rpartition(":")[2])
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    log = data_dir.with_suffix(".log")
    command = [sys.executable, "-m", "stoa.cli.main", "up"]
    command += ["--topology", shape, "--data-dir", str(data_dir), "--port", str(port)]
    # As a user's shell has it: without settings of ours, and with Python keeping what it has compiled.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("STOA_") and name != NO_BYTECODE
    }
    if code is not None:
        environment["PYTHONPATH"] = str(code)
    with log.open("ab") as output:
        started = time.perf_counter()
        process = children.spawn(
            command,
            folder=Path.cwd(),
            environment=environment | SETTINGS | addresses,
            when_parent_dies=signal.SIGTERM,
            output=output,
        )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            await _first_page(session, port, process, log)
            seconds = time.perf_counter() - started
            # An earlier commit's processes tell it elsewhere; all of them are in the one that has answered.
            if code is None:
                await _all_ready(session, addresses)
            shop = Shop(process.pid, port, data_dir, shape, seconds, session, addresses)
            try:
                yield shop
            finally:
                for each in shop.looks.values():
                    each.terminate()
    finally:
        await children.stop(process, _STOP)


async def _first_page(session: aiohttp.ClientSession, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.perf_counter() + START_SECONDS
    while process.poll() is None and time.perf_counter() < give_up:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(f"http://{HOST}:{port}{FIRST_PAGE}") as answer:
                if answer.status == 200 and (await answer.json())["items"]:
                    return
        await asyncio.sleep(0.02)
    raise DidNotStart(f"the shop did not start:\n{log.read_text()[-2000:]}")  # noqa: ASYNC240 - it is over


async def _all_ready(session: aiohttp.ClientSession, addresses: Mapping[str, str]) -> None:
    """The first page may be there before a process that has nothing to do with it."""
    give_up = time.perf_counter() + START_SECONDS
    for name, address in addresses.items():
        while name.endswith("_ADMIN"):
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://{address}/readyz") as answer:
                    if answer.status == 200:
                        break
            if time.perf_counter() > give_up:
                raise DidNotStart(f"{name} is not ready after {START_SECONDS:.0f} s")
            await asyncio.sleep(0.02)
