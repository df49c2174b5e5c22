"""Makes a process of a topology out of what a command was told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING

import grpc.aio

from stoa.app import SERVICES, STORED
from stoa.kit import settings as settings_of
from stoa.kit.http.quickening import WAKE
from stoa.kit.telemetry import logs
from stoa.runtime import topology as topologies
from stoa.runtime.access import Access
from stoa.runtime.failure import Failure
from stoa.runtime.probing import ask
from stoa.runtime.provision import check, close, is_open
from stoa.runtime.settings import ProcessSettings
from stoa.runtime.topology import Address, ProcessPlan, Topology

if TYPE_CHECKING:
    from stoa.cli.installation import Installation
    from stoa.runtime.process import Process

log = logging.getLogger(__name__)

ASK_SECONDS = 2.0
AWAKE_SECONDS = 2.0
"""So often a shop hears that a command is still at work beside it: what is done goes out meanwhile."""


def read_settings(environ: Mapping[str, str]) -> ProcessSettings:
    """Raises `Failure` for a variable that cannot be used."""
    try:
        return settings_of.read(ProcessSettings, "STOA_", environ)
    except settings_of.BadSetting as bad:
        raise Failure(str(bad).rstrip("."), settings_of.MEND) from None


def configure_logs(process: str, settings: ProcessSettings) -> None:
    readable = {"json": False, "text": True}.get(settings.log_format, sys.stderr.isatty())
    services = {service.package: name for name, service in SERVICES.items()}
    logs.configure(process, services, level=settings.log_level.upper(), readable=readable)


def process_of(topology: Topology, plan: ProcessPlan, access: Access, here: Installation) -> Process:
    # Not at the top: a supervisor, which only starts other processes, should not hold what they are made of.
    from stoa.runtime.process import Process  # noqa: PLC0415

    environ = here.environ
    return Process(topology, plan, access.dsn_of, access.secrets, read_settings(environ), environ, here.data_dir.path)


@contextlib.asynccontextmanager
async def whole_process(access: Access, here: Installation) -> AsyncIterator[Process]:
    """All services in this process for the block, beside a shop that may be running. Nothing runs in the background.

    Raises `Failure` where a database is not this installation's, or not up to date.
    """
    await check(access, STORED.values())
    topology = topologies.together()
    process = process_of(topology, topology.processes[0], access, here)
    try:
        await process.build()
        yield process
    finally:
        await process.stop()


@contextlib.asynccontextmanager
async def whole_system(access: Access, here: Installation) -> AsyncIterator[Callable[[str], grpc.aio.Channel]]:
    """The same: the channel to each service by name. What they announce goes out with the shop, within seconds where
    it runs, else at its next start."""
    async with whole_process(access, here) as process:
        waking = asyncio.create_task(_keep_awake(here))
        try:
            yield process.neighbors.operator_channel
        finally:
            waking.cancel()
            await asyncio.wait([waking])
            await wake(here)


def running_processes(here: Installation) -> list[tuple[str, Address]]:
    """By name where each answers its operators: those of the `stoa up` that runs here, else the topology's."""
    plans = topologies.load(here.topology, here.environ).processes
    return here.data_dir.probes() or [(plan.name, plan.admin) for plan in plans]


async def wake(here: Installation) -> None:
    """Have the processes of the shop look for work now, those that run: at rest they do so minutes apart."""
    asked = (ask(address, WAKE, ASK_SECONDS, "POST") for _, address in running_processes(here))
    await asyncio.gather(*asked)


async def _keep_awake(here: Installation) -> None:
    while True:
        await asyncio.sleep(AWAKE_SECONDS)
        await wake(here)


async def check_migrated(plan: ProcessPlan, access: Access) -> None:
    """Raises `Failure` where a database is not as this code needs it. One that is open to others is closed."""
    await check(access, [STORED[name] for name in plan.databases])
    for name in plan.databases:
        if await is_open(access, STORED[name]):
            await close(access, STORED[name])
            log.warning("others could connect to a service's database; not any more", extra={"database": name})
