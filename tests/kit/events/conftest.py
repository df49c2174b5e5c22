"""The services of `system`, started for one test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import Context

import pytest
from tests.kit.events.system import EFFECTS, HEARS, Announcer, Hearer, Line, System, new_outbox, note

from stoa.contracts.events.v1.events_pb2_grpc import add_IntakeServiceServicer_to_server
from stoa.kit.bus import DirectBus
from stoa.kit.channels import InProcessChannel, Registry
from stoa.kit.inbox import Inbox, IntakeServicer
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


@pytest.fixture
async def system(announcer, hearer, run) -> System:
    inventory, notification = await hearer("inventory"), await hearer("notification")
    registry = Registry()
    add_IntakeServiceServicer_to_server(
        IntakeServicer({"inventory": inventory, "notification": notification}), registry
    )
    line = Line(DirectBus(lambda _: InProcessChannel(registry)))
    return System(announcer, inventory, notification, line, run)
