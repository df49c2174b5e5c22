"""What every test may ask for: a database server, a database of its own, and a running shop.

    async def test_reserving(database):
        db = await database("inventory")     # fresh, migrated, owned by inventory's role

A pytest plugin: `-p stoa.testing.plugin`. A package from outside has them for its own service too.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from stoa.kit import context
from stoa.kit.db import Database
from stoa.runtime.postgres import Postgres
from stoa.testing.mortal import MortalShop, mortal_shop_on
from stoa.testing.ports import free_ports
from stoa.testing.servers import Templates, running_server
from stoa.testing.shops import Shop, running_shop

NewDatabase = Callable[..., Awaitable[Database]]
NewServer = Callable[..., Awaitable[Postgres]]


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
    (port,) = free_ports(1)
    return port


@pytest.fixture(scope="module")
async def shop(templates: Templates) -> AsyncIterator[Shop]:
    """A running shop for the tests of a module: fresh, unseeded, on a free port."""
    async with running_shop(templates) as running:
        yield running


@pytest.fixture
async def mortal_shop(postgres: Postgres, tmp_path: Path) -> AsyncIterator[MortalShop]:
    """A shop in a process of its own, to be started by the test: it may die."""
    async with mortal_shop_on(postgres.dsn(), tmp_path) as shop:
        yield shop


@pytest.fixture
async def shop_with(templates: Templates) -> AsyncIterator[Callable[..., Awaitable[Shop]]]:
    """`await shop_with(force_grpc=True)`: a shop of the test's own, with other process settings."""
    async with AsyncExitStack() as stack:
        yield lambda **changes: stack.enter_async_context(running_shop(templates, **changes))
