"""A whole shop in this process."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import grpc.aio

from stoa.app import SERVICES, STORED
from stoa.kit import settings
from stoa.kit.db import Database
from stoa.runtime.kept_files import KeptFiles, kept_files
from stoa.runtime.process import Process
from stoa.runtime.secrets import Secrets
from stoa.runtime.settings import ProcessSettings
from stoa.runtime.stored import Stored
from stoa.runtime.topology import Address, ProcessPlan, Topology
from stoa.testing.contract import traced
from stoa.testing.servers import Templates

Stub = TypeVar("Stub")


@dataclass(frozen=True)
class Shop:
    """All services in one process behind the gateway, each on a fresh database of its own."""

    process: Process
    http: aiohttp.ClientSession
    databases: Mapping[str, Database]
    data_dir: Path = Path()

    @property
    def files(self) -> KeptFiles:
        """Where media keeps what was uploaded, for `audit`."""
        return kept_files(self.data_dir, os.environ)

    def stub(self, kind: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """`shop.stub(InventoryServiceStub)`: a generated stub on the service's channel."""
        callee = kind.__name__.removesuffix("ServiceStub").lower()
        return kind(self.process.neighbors.system_channel("test", callee))

    async def settle(self, within_seconds: float = 30.0) -> None:
        """Wait until everything announced has been delivered and handled, and what was appended to streams has been
        read by all who follow. Raises TimeoutError naming what is left."""
        give_up = time.monotonic() + within_seconds
        # Twice: what is on its way from a database not yet looked at into one that was is in neither.
        for _ in range(2):
            while left := await self._left():
                if time.monotonic() > give_up:
                    raise TimeoutError(f"events still under way after {within_seconds:g} s: {left}")
                await asyncio.sleep(0.01)

    async def _left(self) -> dict[str, int]:
        """How many events each database owes or has not handled; nothing of those that have none."""
        stored = [each.stored for each in self.process.services if each.stored is not None]
        return {each.db.service: count for each in stored if (count := await _unsettled(each))}


UNSETTLED = """
    SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM inbox WHERE done_at IS NULL AND parked_at IS NULL)
"""


async def _unsettled(service: Stored) -> int:
    """How many events of this service are under way: it announced them or is to handle them, gathers or follows."""
    gathering = sum(not stream.is_written for stream in service.streams)
    behind = sum([await follower.behind() for follower in service.followers])
    return int(await service.db.fetchval(UNSETTLED)) + gathering + behind


ANYWHERE = Address("127.0.0.1", 0)


@asynccontextmanager
async def running_shop(templates: Templates, **changes: Any) -> AsyncIterator[Shop]:
    dsns = {name: await templates.copy(name) for name in STORED}
    plan = ProcessPlan("shop", tuple(SERVICES), gateway=True, http=ANYWHERE, admin=ANYWHERE, grpc=None)
    folder = tempfile.TemporaryDirectory(prefix="stoa-shop-")
    process = Process(
        Topology("test", "", (plan,)),
        plan,
        lambda service: dsns[service.name],
        Secrets(secrets.token_urlsafe(32)),
        replace(settings.read(ProcessSettings, "STOA_", os.environ), **changes),
        os.environ,
        Path(folder.name),
    )
    try:
        await process.build()
        await process.serve()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{process.port}", trace_configs=[traced()]) as http:
            databases = {each.service.name: each.stored.db for each in process.services if each.stored}
            yield Shop(process, http, databases, Path(folder.name))
    finally:
        await process.stop()
        folder.cleanup()
        for dsn in dsns.values():
            await templates.drop(dsn)
