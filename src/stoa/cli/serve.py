"""Run one process of a topology, as a container does.

The databases must be there and migrated (`stoa migrate`). Neighbors are found where the topology says,
or where STOA_<PROCESS>_HTTP and STOA_<PROCESS>_GRPC (host:port) say; STOA_BIND is the interface to
listen on. Probes and metrics are on a port of their own, on this machine only unless STOA_<PROCESS>_ADMIN
(host:port) says where. Processes that share no data directory need the same STOA_SECRET and STOA_DATABASE_URL, or each
what `stoa secrets` prints for it and nothing that is another's.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from dataclasses import replace

from stoa.cli import installation, user
from stoa.cli.console import Console
from stoa.cli.processes import check_migrated, configure_logs, process_of, read_settings
from stoa.runtime import garbage
from stoa.runtime import topology as topologies

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument("--process", required=True, help="its name in the topology")
    parser.add_argument("--admin-port", type=installation.port, help="for probes and metrics; default: the topology's")


async def run(arguments: argparse.Namespace, console: Console) -> None:  # noqa: ARG001 - its words are its logs
    """Serve until told to stop."""
    here = installation.installation_of(arguments)
    topology = topologies.load(here.topology, here.environ)
    plan = topology.process(arguments.process)
    if arguments.admin_port:
        plan = replace(plan, admin=replace(plan.admin, port=arguments.admin_port))
    configure_logs(plan.name, read_settings(here.environ))
    access = await here.need_for(plan)
    await check_migrated(plan, access)
    if "auth" in plan.services and await user.first_administrator(access) is None:
        log.warning("the shop has no administrator: run `stoa user create EMAIL --role admin`")
    process = process_of(topology, plan, access, here)
    try:
        await process.build()
        await process.serve()
        garbage.leave_out_what_is_there()
        await asyncio.Event().wait()
    finally:
        await process.stop()
