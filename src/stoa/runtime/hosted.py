"""One service in a process: what it is given, what it gave back, and everything that runs for it."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc.aio

from stoa.app import GET_PERSONAL, PERMISSIONS, followers, subscribers, unwritten, writers
from stoa.kit import hearers, stream_parked, streams
from stoa.kit import inbox as inboxes
from stoa.kit import outbox as outboxes
from stoa.kit import settings as settings_of
from stoa.kit.bus import Bus
from stoa.kit.db import Database
from stoa.kit.followers import Follower
from stoa.kit.http.routes import BoundRoutes
from stoa.kit.idempotency import IdempotencyKeys
from stoa.kit.inbox import Inbox
from stoa.kit.outbox import Outbox
from stoa.kit.permissions import WrongPermission
from stoa.kit.pulse import Pulse
from stoa.kit.relay import Relay
from stoa.kit.service import Job, Parts, Resources, Service
from stoa.kit.stream_calls import StreamCalls
from stoa.kit.streams import Stream, UndeclaredStream
from stoa.kit.tokens import Verifier
from stoa.ports import choice as providers
from stoa.runtime import gauges
from stoa.runtime.jobs import JobRunner
from stoa.runtime.neighbors import Neighbors

SettingsT = TypeVar("SettingsT")
T = TypeVar("T")

log = logging.getLogger(__name__)

HOUSEKEEPING_SECONDS = 3600.0
"""How often a service forgets the answers and events that are older than anybody was promised."""


class WrongParts(Exception):
    """What a service's `build` gave back is not what it is declared to be."""


class ServiceResources:
    """What a service gets from its process."""

    def __init__(
        self,
        service: Service,
        db: Database,
        verifier: Verifier,
        neighbors: Neighbors,
        environ: Mapping[str, str],
        *,
        shop_folder: Path | None = None,
    ) -> None:
        self.service = service
        self.db = db
        self.outbox = Outbox(service, subscribers, GET_PERSONAL)
        self.streams = {topic: Stream(topic, db) for topic in service.streams}
        self.verifier = verifier
        self.permissions = PERMISSIONS
        self.shop_folder = shop_folder
        self._neighbors = neighbors
        self._environ = environ

    def settings(self, shape: type[SettingsT]) -> SettingsT:
        return settings_of.read(shape, f"STOA_{self.service.name.upper()}_", self._environ, shared=self.service.shares)

    def provider(self, port: str, own: Mapping[str, Callable[[], T]], name: str, setting: str) -> T:
        def read(shape: type[SettingsT]) -> SettingsT:
            return settings_of.read(shape, f"STOA_{providers.prefix_of(port, name)}_", self._environ)

        variable = f"STOA_{self.service.name}_{setting}".upper()
        return providers.choose(port, name, own, read, variable=variable)

    def channel(self, callee: str) -> grpc.aio.Channel:
        return self._neighbors.channel(self.service, callee)

    def stream(self, topic: str) -> Stream:
        if topic not in self.streams:
            raise UndeclaredStream(f"{self.service.name} writes {topic!r}, which stoa.app does not list")
        return self.streams[topic]


if TYPE_CHECKING:

    def _offers(resources: ServiceResources) -> Resources:
        return resources


def check_permissions(service: Service, routes: BoundRoutes) -> None:
    """Raises `WrongPermission` for a route that asks for what the service did not declare."""
    declared = {each.name for each in service.permissions}
    for route in routes.routes:
        if unknown := sorted(route.who.permissions - declared):
            raise WrongPermission(
                f"{route.method} {route.path} asks for {unknown}, which {service.name} does not declare"
            )


class Hosted:
    """A service that runs here. `build` first; `start` when all are built; `run` when the doors are open."""

    def __init__(
        self, resources: ServiceResources, bus: Bus, calls: StreamCalls, pulse: Pulse, *, stream_days: int
    ) -> None:
        self.service = resources.service
        self.db = resources.db
        self.keys = IdempotencyKeys(resources.db)
        self._resources = resources
        self.parts = self._build()
        self.inbox = Inbox(self.service, self.db, self.parts.handlers, self.parts.batch_handler, pulse)
        self._relay = Relay(self.service, self.db, resources.outbox, bus, pulse)
        self.streams = resources.streams.values()
        self._stream_kept = timedelta(days=stream_days)
        self.followers = [
            Follower(self.db, source, topic, handler, calls, pulse)
            for topic, handler in self.parts.followers.items()
            for source in writers(topic)
        ]
        for stream in self.streams:
            calls.offer(stream, followers(stream.topic))
        for follower in self.followers:
            calls.follow(follower)
        self._jobs = JobRunner(self.service.name, (*self.parts.jobs, *self._own_jobs()), pulse)
        self._loops: list[asyncio.Task[None]] = []

    def _build(self) -> Parts:
        parts: Parts = importlib.import_module(self.service.package).build(self._resources)
        name = self.service.name
        handled, heard = set(parts.handlers), set(self.service.hears)
        if handled != heard:
            raise WrongParts(f"{name} handles {sorted(handled)}, and is declared to hear {sorted(heard)}")
        read, followed = set(parts.followers), set(self.service.follows)
        if read != followed:
            raise WrongParts(f"{name} reads {sorted(read)}, and is declared to follow {sorted(followed)}")
        routes = {(each.method, each.path) for each in parts.routes.routes} if parts.routes else set()
        if differing := sorted(routes ^ set(self.service.endpoints)):
            raise WrongParts(
                f"{name}: its routes and its declaration do not both have {', '.join(map(' '.join, differing))}"
            )
        if parts.routes is not None:
            check_permissions(self.service, parts.routes)
        return parts

    async def start(self) -> None:
        if self.service.announces:
            await hearers.remember(self.db, self._resources.outbox.goes_to)
        if self.parts.start is not None:
            await self.parts.start()

    def run(self) -> None:
        """Relay what it announces, handle what it hears and follows, do its jobs."""
        for notice in self.parts.notices:
            log.warning("%s: %s", self.service.name, notice)
        for topic in unwritten(self.service):
            log.warning("%s: follows %s, which nobody writes", self.service.name, topic)
        self.run_events()
        self._jobs.start()

    def run_events(self) -> None:
        """The same without jobs: for a command, beside a shop that may be running."""
        if self.service.announces:
            self._loops.append(self._loop("relay", self._relay.run()))
        if self.parts.handlers:
            self._loops.append(self._loop("inbox", self.inbox.run()))
        for follower in self.followers:
            self._loops.append(self._loop(f"follower.{follower.topic}", follower.run()))

    async def rest(self, within_seconds: float) -> None:
        """End all that `run` started; the batch, the round and the event under way are finished if there is time."""
        await asyncio.gather(
            self._jobs.stop(within_seconds),
            self._relay.stop(),
            self.inbox.stop(),
            *(follower.stop() for follower in self.followers),
        )
        await asyncio.gather(*(stream.close() for stream in self.streams))
        if self._loops:
            await asyncio.wait(self._loops)

    async def stop(self) -> None:
        if self.parts.stop is not None:
            await self.parts.stop()

    async def check(self) -> None:
        """Ready as long as its database answers, and takes writes again once its disk was full."""
        await self.db.check()

    async def measure(self) -> None:
        """Set the gauges that are read from its database."""
        await gauges.measure(self.service.name, self.db)
        await gauges.measure_streams(self.service.name, self.db, self.followers)
        if self.parts.measure is not None:
            await self.parts.measure()

    def _loop(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(work, name=f"{self.service.name}.{name}")

    def _own_jobs(self) -> Iterator[Job]:
        async def put_back() -> None:
            await outboxes.put_back_refused(self.db, self._resources.outbox.recipients)

        if self.service.announces:
            yield Job("refused", put_back, every_seconds=outboxes.REFUSED_AGAIN.total_seconds())

        async def forget() -> None:
            await self.keys.prune()
            await outboxes.forget_personal(self.db)
            await outboxes.prune(self.db)
            await inboxes.prune(self.db)
            for stream in self.streams:
                await streams.prune(self.db, stream.topic, self._stream_kept)
            await stream_parked.prune(self.db, self._stream_kept)

        yield Job("forget", forget, every_seconds=HOUSEKEEPING_SECONDS)
