"""The services of `system`, started for one test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import Context

import pytest
from tests.kit.events.system import EFFECTS, HEARS, Announcer, Hearer, Line, System, new_outbox, note

from stoa.kit.bus import Bus, DirectBus
from stoa.kit.channels import InProcessChannel, Registry
from stoa.kit.inbox import Inbox
from stoa.kit.relay import Relay
from stoa.kit.service import Service


@pytest.fixture
async def run() -> AsyncIterator[Callable[[Relay | Inbox], asyncio.Task[None]]]:
    started: list[tuple[Relay | Inbox, asyncio.Task[None]]] = []

    def start(worker: Relay | Inbox) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(worker.run(), context=Context())
        started.append((worker, task))
        return task

    yield start
    for worker, _ in started:
        await worker.stop()
    await asyncio.gather(*(task for _, task in started), return_exceptions=True)


@pytest.fixture
async def announcer(database) -> Announcer:
    db = await database("order")
    await db.execute("CREATE TABLE aggregate (id text PRIMARY KEY, version bigint NOT NULL)")
    return Announcer(db, new_outbox())


@pytest.fixture
async def hearer(database) -> Callable[..., Awaitable[Hearer]]:
    async def make(name: str) -> Hearer:
        db = await database(name)
        await db.execute(EFFECTS)
        return Hearer(name, db, Inbox(Service(name=name), db, dict.fromkeys(HEARS, note)))

    return make


@pytest.fixture(params=["direct"])
def bus(request: pytest.FixtureRequest) -> Bus:
    """Each bus that there is. A test that pulls one apart asks for `direct`."""
    return {"direct": new_direct_bus}[request.param]()


@pytest.fixture
async def system(announcer, hearer, run) -> AsyncIterator[System]:
    inventory, notification = await hearer("inventory"), await hearer("notification")
    bus = new_direct_bus()
    async with bus.receive({"inventory": inventory, "notification": notification}):
        yield System(announcer, inventory, notification, Line(bus), run)


def new_direct_bus() -> DirectBus:
    registry = Registry()
    return DirectBus(lambda _: InProcessChannel(registry), registry)
