"""One process of a topology: its services, wired to each other and to their neighbors, behind one HTTP port.

    process = Process(topology, topology.process("order"), dsn_of, secrets, settings, environ, data_dir)
    await process.build()      # services are there and can call each other
    await process.serve()      # ... and the world can call them; events and jobs run
    await process.stop()

Stopping goes from outside inwards, so that nobody is refused by what stops too early: first no new
requests and calls, and those in flight finish; then jobs, relays and inboxes; then calls between the
services here; then the services themselves; at last the connections to the databases.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from stoa.app import GATEWAY, PERMISSIONS, SERVICES
from stoa.contracts.auth.v1.auth_pb2 import GetSigningKeysRequest
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.edge.gateway import Gateway, GatewaySettings
from stoa.kit import own_files
from stoa.kit import settings as settings_of
from stoa.kit.bus import DirectBus
from stoa.kit.channels import Faults
from stoa.kit.db import Database
from stoa.kit.http import app as http_app
from stoa.kit.http.probes import Check, MetricsPage, Probes
from stoa.kit.http.quickening import Quickening, Waking
from stoa.kit.intake import Acceptor
from stoa.kit.permissions import WrongPermission
from stoa.kit.pulse import Pulse
from stoa.kit.service import Service
from stoa.kit.stream_calls import StreamCalls
from stoa.kit.tokens import Verifier
from stoa.runtime.data_dir import CACHE, FILES
from stoa.runtime.failure import Failure
from stoa.runtime.hosted import Folders, Hosted, ServiceResources, WrongParts
from stoa.runtime.http_server import HttpServer
from stoa.runtime.memory import share_arenas
from stoa.runtime.neighbors import Neighbors
from stoa.runtime.secrets import Secrets
from stoa.runtime.settings import ProcessSettings
from stoa.runtime.topology import ProcessPlan, Topology

if TYPE_CHECKING:
    from stoa.edge.gateway.upstream import RemoteUpstream

log = logging.getLogger(__name__)

_REST_SECONDS = 2.0
"""For the rounds of jobs that are under way, and for calls between the services here: a matter of milliseconds."""
_CUT_OFF_SECONDS = 0.5
"""For whatever heeds its cancellation."""

_ADMIN_FINISH_SECONDS = 1
_ADMIN_CONNECTIONS = 32
"""For those who run it: an orchestrator, a scraper, a person."""


class Process:
    """`build` it, `serve` if it is to be called, and always `stop` it, whatever of that has succeeded."""

    def __init__(  # noqa: PLR0917 - one of each, in the order of their making
        self,
        topology: Topology,
        plan: ProcessPlan,
        dsn_of: Callable[[Service], str],
        secrets: Secrets,
        settings: ProcessSettings,
        environ: Mapping[str, str],
        data_dir: Path,
    ) -> None:
        self.name = plan.name
        self._topology = topology
        self._plan = plan
        self._dsn_of = dsn_of
        self._secrets = secrets
        self._settings = settings
        self._environ = environ
        self._data_dir = data_dir
        self.pulse = Pulse()
        self.neighbors = Neighbors(
            topology, plan, secrets.rpc, self.pulse, faults=_faults(settings.faults), over_the_wire=settings.force_grpc
        )
        self.services: list[Hosted] = []
        self._receiving = AsyncExitStack()
        self._http: HttpServer | None = None
        self._admin: HttpServer | None = None
        self._probes: Probes | None = None
        self._stopped = False
        self._upstreams: dict[str, RemoteUpstream] = {}
        self._gateway: Gateway | None = None
        self._api: http_app.Api | None = None

    @property
    def port(self) -> int:
        """Where HTTP is served."""
        assert self._http is not None, "serve() first"
        return self._http.port

    @property
    def admin_port(self) -> int:
        """Where whoever runs it finds probes and metrics."""
        assert self._admin is not None, "serve() first"
        return self._admin.port

    async def build(self) -> None:
        """Make the services and let them get ready. Raises `Failure` where one has a setting that cannot be used."""
        share_arenas()
        await self.neighbors.open()
        verifier = Verifier(self._signing_keys, PERMISSIONS)
        folder = _checked(self._settings.shop_folder)
        bus = DirectBus(partial(self.neighbors.system_channel, "bus"), self.neighbors.registry)
        calls = StreamCalls(partial(self.neighbors.system_channel, "stream"), self.neighbors.registry)
        try:
            for name in self._plan.services:
                service = SERVICES[name]
                db = Database(name, self._dsn_of(service), self._settings.pool_size) if service.store else None
                own = Folders(self._data_dir / FILES / name, self._data_dir / CACHE / self.name / name)
                resources = ServiceResources(
                    service, db, verifier, self.neighbors, self._environ, folders=own, shop_folder=folder
                )
                days = self._settings.stream_days
                self.services.append(Hosted(resources, bus, calls, self.pulse, stream_days=days))
            self._api = http_app.build(
                [each.parts.routes for each in self.services if each.parts.routes is not None],
                verifier=verifier,
                keys={each.service.name: each.stored.keys for each in self.services if each.stored},
                largest_bodies={k: most for each in self.services for k, most in each.service.largest_bodies.items()},
                edge_secret=self._secrets.edge,
            )
            if self._plan.gateway:
                self._gateway = self._make_gateway(verifier, self._api, folder / "pages" if folder else None)
        except settings_of.BadSetting as bad:
            raise Failure(str(bad).rstrip("."), settings_of.MEND) from None
        except (WrongParts, WrongPermission) as wrong:
            raise Failure(str(wrong), "make them the same") from None
        for each in self.services:
            for add_to in each.parts.servicers:
                self._add(each.service, add_to)
        await self._receiving.enter_async_context(bus.receive(self._acceptors()))
        await asyncio.gather(*(each.start() for each in self.services))

    async def serve(self) -> None:
        """Open the doors, then let events and jobs run. Raises `Failure` for a port that is in use."""
        assert self._api is not None, "build() first"
        app = Quickening(self._gateway or self._api, self.pulse)
        # Ready as long as the databases answer, and take writes again once a disk was full.
        own: dict[str, Check] = {each.service.name: each.check for each in self.services}
        services = {each.service.name: each.parts.check for each in self.services if each.parts.check}
        self._probes = Probes(self.name, own, self._neighbor_checks(), services)
        host = self._settings.bind
        self._http = HttpServer(
            self._probes.before(app),
            host,
            self._plan.http.port,
            finish_seconds=self._settings.finish_seconds,
            most_connections=self._settings.most_connections,
            at_once=self._gateway.at_once if self._gateway else None,
        )
        page = MetricsPage({each.service.name: each.measure for each in self.services})
        self._admin = HttpServer(
            self._probes.before(Waking(page, self.pulse)),
            self._plan.admin.host,
            self._plan.admin.port,
            finish_seconds=_ADMIN_FINISH_SECONDS,
            most_connections=_ADMIN_CONNECTIONS,
        )
        await self.neighbors.listen(host)
        await self._http.start()
        for each in self.services:
            each.run()
        await self._admin.start()
        addresses = {"http": f"{host}:{self.port}", "probes": f"{self._plan.admin.host}:{self.admin_port}"}
        log.info("serving", extra={**addresses, "services": list(self._plan.services)})

    async def stop(self) -> None:
        """From outside inwards. What is not done after the settings' `stop_seconds` is cut off; each stage behind that
        still gets its moment to begin, so with everything stuck it takes some three seconds more.

        Safe to repeat, and after a start that failed.
        """
        if self._stopped:
            return
        self._stopped = True
        now = time.monotonic()
        give_up = now + self._settings.stop_seconds
        if self._probes is not None:
            self._probes.stopping()
        outside = [self.neighbors.stop_answering(self._settings.finish_seconds)]
        if self._http is not None:
            outside.append(self._http.stop())
        await _all(*outside, until=now + self._settings.finish_seconds + _REST_SECONDS)
        await _all(*(each.rest(_REST_SECONDS) for each in self.services), until=give_up)
        await _all(self._receiving.aclose(), until=give_up)
        await _all(*(each.stop() for each in self.services), until=give_up)
        await _all(self.neighbors.close(_REST_SECONDS), until=give_up)
        inside = [each.stored.db.close() for each in self.services if each.stored]
        inside += [upstream.close() for upstream in self._upstreams.values()]
        if self._admin is not None:
            inside.append(self._admin.stop())
        await _all(*inside, until=give_up)

    def _add(self, service: Service, add_to: Callable[[Any], None]) -> None:
        try:
            add_to(self.neighbors.registry)
        except ValueError as wrong:
            raise Failure(f"{service.name}: {wrong}", "give its gRPC service a name of its own") from None

    def _make_gateway(self, verifier: Verifier, here: http_app.Api, pages: Path | None) -> Gateway:
        settings = settings_of.read(GatewaySettings, "STOA_GATEWAY_", self._environ)
        upstreams: dict[str, ASGIApp] = {}
        for plan in self._topology.processes:
            app = here if plan.name == self.name else self._upstream(plan, settings)
            upstreams.update(dict.fromkeys(plan.services, app))
        return Gateway(
            tuple(SERVICES.values()),
            upstreams,
            verifier,
            self.neighbors.channel(GATEWAY, "auth"),
            settings=settings,
            visitor_secret=self._secrets.visitors,
            pages=pages,
        )

    def _upstream(self, plan: ProcessPlan, settings: GatewaySettings) -> ASGIApp:
        # Not at the top: an HTTP client is a quarter of a second that a shop in one process need not wait.
        from stoa.edge.gateway.upstream import RemoteUpstream  # noqa: PLC0415

        upstream = RemoteUpstream(plan.name, [str(plan.http)], self._secrets.edge, settings.upstream_seconds)
        self._upstreams[plan.name] = upstream
        return upstream

    def _neighbor_checks(self) -> dict[str, Check]:
        """Whether each process that this one calls answers, by gRPC and by HTTP where it is asked by both."""
        checks: dict[str, list[Check]] = {name: [check] for name, check in self.neighbors.checks().items()}
        for name, upstream in self._upstreams.items():
            checks.setdefault(name, []).append(upstream.check)
        return {name: partial(_each, both) for name, both in checks.items()}

    def _acceptors(self) -> dict[str, Acceptor]:
        """Who in this process takes events, by name."""
        found: dict[str, Acceptor] = {
            each.service.name: each.stored.inbox for each in self.services if each.stored and each.parts.handlers
        }
        if self._gateway is not None:
            found[GATEWAY.name] = self._gateway
        return found

    async def _signing_keys(self) -> str:
        channel = self.neighbors.system_channel("tokens", "auth")
        return (await AuthServiceStub(channel).GetSigningKeys(GetSigningKeysRequest())).jwks_json


async def _each(checks: Sequence[Check]) -> None:
    for check in checks:
        await check()


async def _all(*stopping: Awaitable[None], until: float) -> None:
    """Wait for all of them, `until` a moment of the monotonic clock: what then goes on is cut off.

    What goes wrong with one (its database may be gone) must not leave the rest running.
    """
    parts = [asyncio.ensure_future(each) for each in stopping]
    # Each gets a chance to begin, also the last where the first took all the time.
    within_seconds = max(_CUT_OFF_SECONDS, until - time.monotonic())
    late = (await asyncio.wait(parts, timeout=within_seconds))[1] if parts else set()
    for part in late:
        part.cancel()
    if late:
        # What does not even take its cancellation ends with the process.
        log.warning("a part of the process takes too long to stop", extra={"parts": len(late)})
        await asyncio.wait(late, timeout=_CUT_OFF_SECONDS)
    for part in parts:
        if part.done() and not part.cancelled() and (error := part.exception()) is not None:
            log.warning("a part of the process did not stop as it should", exc_info=error)


def _checked(folder: Path | None) -> Path | None:
    """The shop's own folder. Raises `Failure` where it is none, or has one that nobody reads."""
    if folder is None:
        return None
    if not folder.is_dir():
        raise Failure(f"STOA_SHOP_FOLDER={str(folder)!r} is no folder", "make it, or leave it out")
    try:
        own_files.check(folder, SERVICES)
    except settings_of.BadSetting as bad:
        raise Failure(str(bad), "call it so, or take it out") from None
    return folder


def _faults(text: str) -> Faults | None:
    try:
        return Faults.parse(text)
    except ValueError as error:
        raise Failure(f"STOA_FAULTS={text!r}: {error}", "leave it out") from None
