"""What every test may ask for: a database server, a database of its own, and a running shop.

    async def test_reserving(database):
        db = await database("inventory")     # fresh, migrated, owned by inventory's role

Each pytest-xdist worker has a server of its own. It works in memory and does not wait for the disk; a test
that pulls the plug asks for one that does: `server = await postgres_server(durable=True)`.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import itertools
import logging
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import asyncpg
import grpc.aio
import psutil
import pytest

from stoa.app import SERVICES
from stoa.kit import context, settings
from stoa.kit.db import Database
from stoa.kit.migrate import migrate, service_folders
from stoa.runtime.postgres import NOT_DURABLE, SETTINGS, Postgres
from stoa.runtime.process import Process
from stoa.runtime.secrets import Secrets
from stoa.runtime.settings import ProcessSettings
from stoa.runtime.topology import Address, ProcessPlan, Topology

NewDatabase = Callable[..., Awaitable[Database]]
NewServer = Callable[..., Awaitable[Postgres]]
Stub = TypeVar("Stub")


OURS = "stoa-test-"
"""How the folder of each server begins; the process that it belongs to follows."""
MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30
"""For the servers of some workers: each takes up to 0.7 GB while a large table is filled."""


def _in_memory() -> Path | None:
    """Where a server that is thrown away works; None, for the usual place, where there is no memory to spare.

    A database is a thousand files, made for a test and removed after it. ext4 gives an inode away again only
    minutes after its file was removed, and until then looks at it whenever it makes a file: after some hundred
    tests a database took 0.3 s of the processor there. Here it takes 0.02 s, also after thousands.
    """
    if not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK)):
        return None
    for left in MEMORY.glob(f"{OURS}[0-9]*-*"):  # by a worker that was killed
        if not psutil.pid_exists(int(left.name.removeprefix(OURS).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    room = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
    return MEMORY if room >= ROOM_BYTES else None


@asynccontextmanager
async def running_server(*, durable: bool) -> AsyncIterator[Postgres]:
    place = None if durable else _in_memory()
    with tempfile.TemporaryDirectory(prefix=f"{OURS}{os.getpid()}-", dir=place) as folder:
        server = Postgres(
            Path(folder) / "postgres", secrets.token_urlsafe(16), settings=SETTINGS if durable else NOT_DURABLE
        )
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[Postgres]:
    """One server for the session of this worker: `.dsn(database)` connects as superuser."""
    async with running_server(durable=False) as server:
        yield server


@pytest.fixture(scope="module")
async def postgres_server() -> AsyncIterator[NewServer]:
    """`await postgres_server(durable=True)`: a server of one's own, stopped and removed after the module."""
    async with AsyncExitStack() as stack:

        async def start(*, durable: bool) -> Postgres:
            return await stack.enter_async_context(running_server(durable=durable))

        yield start


class Templates:
    """A migrated database per service, made when first asked for, that each test's database is a copy of."""

    def __init__(self, postgres: Postgres, admin: asyncpg.Connection) -> None:
        self._postgres = postgres
        self._admin = admin
        self._passwords: dict[str, str] = {}
        self._numbers = itertools.count(1)

    async def copy(self, service: str) -> str:
        """The DSN of a fresh copy, as the service's role."""
        if service not in self._passwords:
            await self._make(service)
        role = f"stoa_{service}"
        name = f"{role}_{next(self._numbers)}"
        # Copied as files, not page by page through the log: nothing need survive a crash.
        await self._admin.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{role}_template" OWNER "{role}" STRATEGY file_copy'
        )
        return self._dsn(service, name)

    async def drop(self, dsn: str) -> None:
        await self._admin.execute(f'DROP DATABASE "{dsn.rpartition("/")[2]}" WITH (FORCE)')

    async def _make(self, service: str) -> None:
        role = f"stoa_{service}"
        self._passwords[service] = secrets.token_urlsafe(16)
        await self._admin.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{self._passwords[service]}'")
        await self._admin.execute(f'CREATE DATABASE "{role}_template" OWNER "{role}"')
        folders = service_folders(Path(str(importlib.resources.files("stoa.services") / service)))
        await migrate(self._dsn(service, f"{role}_template"), service, folders)

    def _dsn(self, service: str, name: str) -> str:
        role = f"stoa_{service}"
        where = self._postgres.dsn(name).rpartition("@")[2]
        return f"postgresql://{role}:{self._passwords[service]}@{where}"


@pytest.fixture(scope="session")
async def templates(postgres: Postgres) -> AsyncIterator[Templates]:
    admin = await asyncpg.connect(postgres.dsn())
    # Of the passwords of the roles: each of thousands of connections works them off, on both sides.
    await admin.execute("SET scram_iterations = 1")
    yield Templates(postgres, admin)
    await admin.close()


@pytest.fixture
async def database(templates: Templates) -> AsyncIterator[NewDatabase]:
    """`await database("inventory")`: a fresh migrated `Database` of that service, closed and dropped after the test."""
    made: list[Database] = []

    async def make(service: str, size: int = 8) -> Database:
        made.append(Database(service, await templates.copy(service), size))
        return made[-1]

    yield make
    for each in made:
        await each.close()
        await templates.drop(each.dsn)


@pytest.fixture
def said() -> Iterator[list[tuple[str, str]]]:
    """What the shop logs during the test: the trace that it is said in, and the message."""
    messages: list[tuple[str, str]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append((context.current().trace_id, record.getMessage()))

    listener = Listener()
    logging.getLogger("stoa").addHandler(listener)
    yield messages
    logging.getLogger("stoa").removeHandler(listener)


@pytest.fixture
def unused_port() -> int:
    """A port of 127.0.0.1 where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Shop:
    """All services in one process behind the gateway, each on a fresh database of its own."""

    process: Process
    http: aiohttp.ClientSession
    databases: Mapping[str, Database]

    def stub(self, kind: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """`shop.stub(InventoryServiceStub)`: a generated stub on the service's channel."""
        callee = kind.__name__.removesuffix("ServiceStub").lower()
        return kind(self.process.neighbors.system_channel("test", callee))

    async def settle(self, within_seconds: float = 30.0) -> None:
        """Wait until everything announced has been delivered and handled. Raises TimeoutError naming what is left."""
        give_up = time.monotonic() + within_seconds
        while left := {name: count for name, db in self.databases.items() if (count := await db.fetchval(UNSETTLED))}:
            if time.monotonic() > give_up:
                raise TimeoutError(f"events still under way after {within_seconds:g} s: {left}")
            await asyncio.sleep(0.01)


UNSETTLED = """
    SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM inbox WHERE done_at IS NULL AND parked_at IS NULL)
"""


ANYWHERE = Address("127.0.0.1", 0)


@asynccontextmanager
async def running_shop(templates: Templates, **changes: Any) -> AsyncIterator[Shop]:
    dsns = {name: await templates.copy(name) for name in SERVICES}
    plan = ProcessPlan("shop", tuple(SERVICES), gateway=True, http=ANYWHERE, admin=ANYWHERE, grpc=None)
    process = Process(
        Topology("test", "", (plan,)),
        plan,
        lambda service: dsns[service.name],
        Secrets(secrets.token_urlsafe(32)),
        replace(settings.read(ProcessSettings, "STOA_", os.environ), **changes),
        os.environ,
    )
    try:
        await process.build()
        await process.serve()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{process.port}") as http:
            yield Shop(process, http, {each.service.name: each.db for each in process.services})
    finally:
        await process.stop()
        for dsn in dsns.values():
            await templates.drop(dsn)


@pytest.fixture(scope="module")
async def shop(templates: Templates) -> AsyncIterator[Shop]:
    """A running shop for the tests of a module: fresh, unseeded, on a free port."""
    async with running_shop(templates) as running:
        yield running


@pytest.fixture
async def shop_with(templates: Templates) -> AsyncIterator[Callable[..., Awaitable[Shop]]]:
    """`await shop_with(force_grpc=True)`: a shop of the test's own, with other process settings."""
    async with AsyncExitStack() as stack:
        yield lambda **changes: stack.enter_async_context(running_shop(templates, **changes))
