"""One service in a process: what it is given, what it gave back, and everything that runs for it."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import grpc.aio

from stoa.app import GET_PERSONAL, PERMISSIONS, subscribers, unwritten
from stoa.kit import crash_points
from stoa.kit import settings as settings_of
from stoa.kit.bus import Bus
from stoa.kit.db import Database
from stoa.kit.http.routes import OPTIONAL, REQUIRED, BoundRoutes
from stoa.kit.outbox import Outbox
from stoa.kit.permissions import WrongPermission
from stoa.kit.pulse import Pulse
from stoa.kit.service import Parts, Resources, Service, UndeclaredStore
from stoa.kit.stream_calls import StreamCalls
from stoa.kit.streams import Stream, UndeclaredStream
from stoa.kit.tokens import Verifier
from stoa.ports import choice as providers
from stoa.runtime.jobs import JobRunner
from stoa.runtime.neighbors import Neighbors
from stoa.runtime.stored import Stored

SettingsT = TypeVar("SettingsT")
T = TypeVar("T")

log = logging.getLogger(__name__)


class WrongParts(Exception):
    """What a service's `build` gave back is not what it is declared to be."""


class Folders(NamedTuple):
    """A service's own in the data directory. Neither is made before something is put there."""

    files: Path
    cache: Path


class ServiceResources:
    """What a service gets from its process."""

    def __init__(
        self,
        service: Service,
        db: Database | None,
        verifier: Verifier,
        neighbors: Neighbors,
        environ: Mapping[str, str],
        *,
        folders: Folders,
        shop_folder: Path | None = None,
    ) -> None:
        self.service = service
        self._db = db
        self.outbox = Outbox(service, subscribers, GET_PERSONAL)
        self.streams = {topic: Stream(topic, self.db) for topic in service.streams}
        self.verifier = verifier
        self.permissions = PERMISSIONS
        self.files, self.cache = folders
        self.shop_folder = shop_folder
        self.reach = crash_points.exit_at(environ.get(crash_points.VARIABLE, ""))
        self._neighbors = neighbors
        self._environ = environ

    @property
    def db(self) -> Database:
        if self._db is None:
            raise UndeclaredStore(
                f"{self.service.name} asks for its database, and its line in stoa.app says store=None"
            )
        return self._db

    def settings(self, shape: type[SettingsT]) -> SettingsT:
        return settings_of.read(shape, f"STOA_{self.service.name.upper()}_", self._environ, shared=self.service.shares)

    def provider(self, port: str, own: Mapping[str, Callable[[], T]], name: str, setting: str) -> T:
        variable = f"STOA_{self.service.name}_{setting}".upper()
        return providers.choose(port, name, own, providers.reader(port, name, self._environ), variable=variable)

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


def check_kept(service: Service, routes: BoundRoutes) -> None:
    """Raises `WrongParts` for a route whose answers would be kept under a key by a service that keeps nothing."""
    for route in routes.routes:
        if service.store is None and route.idempotency in {OPTIONAL, REQUIRED}:
            raise WrongParts(
                f"{service.name} has no store, and {route.method} {route.path} would keep its answers there: "
                "say idempotent=UNKEPT"
            )


class Hosted:
    """A service that runs here. `build` first; `start` when all are built; `run` when the doors are open."""

    def __init__(
        self, resources: ServiceResources, bus: Bus, calls: StreamCalls, pulse: Pulse, *, stream_days: int
    ) -> None:
        self.service = resources.service
        self.parts = self._build(resources)
        self.stored: Stored | None = None
        if self.service.store is not None:
            self.stored = Stored(resources, self.parts, bus, calls, pulse, stream_days=stream_days)
        own = self.stored.own_jobs() if self.stored else ()
        self._jobs = JobRunner(self.service.name, (*self.parts.jobs, *own), pulse)

    async def check(self) -> None:
        """Raises while it can do nothing: its database does not answer, or it has not what it needs beside that."""
        if self.stored is not None:
            await self.stored.db.check()
        if self.parts.check_own is not None:
            await self.parts.check_own()

    def _build(self, resources: ServiceResources) -> Parts:
        name = self.service.name
        try:
            parts: Parts = importlib.import_module(self.service.package).build(resources)
        except UndeclaredStore as error:
            raise WrongParts(str(error)) from error
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
            check_kept(self.service, parts.routes)
        return parts

    async def start(self) -> None:
        if self.stored is not None:
            await self.stored.start()
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
        if self.stored is not None:
            self.stored.run()

    async def rest(self, within_seconds: float) -> None:
        """End all that `run` started; the batch, the round and the event under way are finished if there is time."""
        stored = [self.stored.rest()] if self.stored is not None else []
        await asyncio.gather(self._jobs.stop(within_seconds), *stored)

    async def stop(self) -> None:
        if self.parts.stop is not None:
            await self.parts.stop()

    async def measure(self) -> None:
        """Set the gauges that are read from its database, and its own."""
        if self.stored is not None:
            await self.stored.measure()
        if self.parts.measure is not None:
            await self.parts.measure()
