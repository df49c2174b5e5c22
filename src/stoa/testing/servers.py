"""Database servers that are thrown away, and databases of services on them.

Each pytest-xdist worker has a server of its own. It works in memory and does not wait for the disk; a test
that pulls the plug asks for one that does: `server = await postgres_server(durable=True)`.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil

from stoa.app import STORED
from stoa.kit.migrate import migrate
from stoa.runtime.postgres import NOT_DURABLE, SETTINGS, Postgres
from stoa.runtime.provision import migrations_of

OURS = "stoa-test-"
"""How the folder of each server begins; the process that it belongs to follows."""
MEMORY = Path("/dev/shm")  # noqa: S108 - each folder there is made anew, for us alone
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
        await migrate(self._dsn(service, f"{role}_template"), service, migrations_of(STORED[service]))

    def _dsn(self, service: str, name: str) -> str:
        role = f"stoa_{service}"
        where = self._postgres.dsn(name).rpartition("@")[2]
        return f"postgresql://{role}:{self._passwords[service]}@{where}"
