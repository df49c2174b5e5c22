"""Start a whole shop on this machine, and stop all of it on Ctrl-C: database server, services, gateway.

The first start makes the databases, the administrator and a demo assortment. Data is kept in --data-dir;
a start after `kill -9` or a power cut recovers by itself.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from rich.markup import escape

from stoa.app import STORED
from stoa.cli import effective, installation
from stoa.cli.console import Console
from stoa.cli.installation import Installation
from stoa.cli.migrate import migrate
from stoa.cli.processes import configure_logs, process_of, read_settings
from stoa.cli.seed import is_seeded, seed
from stoa.cli.supervised import Supervised
from stoa.runtime import files, garbage, sources
from stoa.runtime import topology as topologies
from stoa.runtime.access import Access
from stoa.runtime.failure import Failure
from stoa.runtime.ports import listening_socket
from stoa.runtime.supervisor import until_ready
from stoa.runtime.topology import LOOPBACK, Topology


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument(
        "--port", type=installation.port, help="of the gateway; default: what the topology says (8080 in one process)"
    )
    parser.add_argument(
        "--admin-port", type=installation.port, help="of its probes and metrics; default: as far from --port as there"
    )
    apart = parser.add_mutually_exclusive_group()
    apart.add_argument("--reload", action="store_true", help="start the services again whenever their code changes")
    apart.add_argument(
        "--foreground",
        default="",
        metavar="PROCESS",
        help="run this one here, at the terminal: breakpoint() works in it, as it does where there is only one",
    )


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Start, say where everything is, and serve until told to stop."""
    here = installation.installation_of(arguments)
    topology = topologies.load(here.topology, here.environ, port=arguments.port, admin_port=arguments.admin_port)
    if arguments.foreground:
        topology.process(arguments.foreground)
    effective.check(here.environ)
    _check_ports(topology)
    single = len(topology.processes) == 1
    configure_logs(topology.processes[0].name if single else "up", read_settings(here.environ))
    first = not is_seeded(here.data_dir)
    console.expect(4 if first else 3)
    console.say(f"[bold]Stoa[/], {escape(topology.name)}: {escape(topology.summary)}")
    probes = {plan.name: plan.admin for plan in topology.processes}
    async with AsyncExitStack() as stack:
        with console.step("Database server") as step:
            access = await stack.enter_async_context(here.own(probes=probes))
            step.note = "yours" if here.database_url else str(here.data_dir.path)
        await migrate(console, access, STORED.values())
        if arguments.reload:
            await _run_again_and_again(here, topology, console, first=first)
        elif single:
            await _run_here(here, topology, access, console, stack)
        else:
            await _run_supervised(here, topology, access, console, stack, foreground=arguments.foreground)
        _say_where(console, topology, here, first=first)
        await asyncio.Event().wait()


async def _run_here(
    here: Installation, topology: Topology, access: Access, console: Console, stack: AsyncExitStack
) -> None:
    """The only process of the topology is this one."""
    process = process_of(topology, topology.processes[0], access, here)
    stack.push_async_callback(process.stop)
    with console.step("Services") as step:
        await process.build()
        step.note = f"{len(process.services)} in this process"
    # Before the door opens: whoever came first could register the administrator's address.
    if not is_seeded(here.data_dir):
        with console.step("Demo shop"):
            await seed(here.data_dir, process.neighbors.operator_channel)
    await process.serve()
    await until_ready(process.name, topology.processes[0].admin)
    garbage.leave_out_what_is_there()


async def _run_supervised(
    here: Installation, topology: Topology, access: Access, console: Console, stack: AsyncExitStack, *, foreground: str
) -> None:
    """Each process is a child of this one, as a container would run it; but for the one that is in the foreground."""
    supervised = Supervised(here, topology)
    if not is_seeded(here.data_dir):
        with console.step("Demo shop"):
            await supervised.run("seed")
    supervisor = supervised.supervisor(without=foreground)
    stack.push_async_callback(supervisor.stop)
    with console.step("Services") as step:
        if foreground:
            process = process_of(topology, topology.process(foreground), access, here)
            stack.push_async_callback(process.stop)
            await process.build()
            await process.serve()
        await supervisor.start()
        step.note = f"{len(topology.processes)} processes" + (f", {foreground} in the foreground" if foreground else "")
    await stack.enter_async_context(supervisor.watch())


async def _run_again_and_again(here: Installation, topology: Topology, console: Console, *, first: bool) -> None:
    """The same, and all of them anew whenever the code changes; the database server stays."""
    supervised = Supervised(here, topology)
    if first:
        with console.step("Demo shop"):
            await supervised.run("seed")
    _say_where(console, topology, here, first=first)
    changed: list[Path] = []
    while True:
        before = sources.stamps()
        supervisor = supervised.supervisor()
        try:
            if any(file.suffix == ".sql" or file.name == "app.py" for file in changed):
                await supervised.run("migrate")
            await supervisor.start()
            console.say("Ready.")
            async with supervisor.watch():
                changed = await sources.changed(before)
        except Failure as failure:
            console.failure(failure)
            changed = await sources.changed(before)
        finally:
            await supervisor.stop()
        console.say(f"Starting again: {escape(', '.join(file.name for file in changed))} changed.")


def _say_where(console: Console, topology: Topology, here: Installation, *, first: bool) -> None:
    base = f"http://{topology.gateway.http}"
    console.say()
    console.say(f"  Shop      {base}/")
    console.say(f"  API       {base}/api/v1   ({base}/api/docs to read and try it)")
    for plan in topology.processes:
        name = f" of {plan.name}" if len(topology.processes) > 1 else ""
        console.say(f"  Probes    http://{plan.admin}/readyz, /healthz, /metrics{escape(name)}")
    if first and here.data_dir.admin.exists():
        for line in (files.read(here.data_dir.admin) or "").splitlines():
            label, _, value = line.partition(": ")
            console.say(f"  Admin     {label:<9} {escape(value)}")
        console.say(f"            kept in {escape(str(here.data_dir.admin))}")
    console.say("\n  Ctrl-C stops everything.\n")


def _check_ports(topology: Topology) -> None:
    """Raises `Failure` for a port that is in use, before any work is done."""
    for plan in topology.processes:
        for address in plan.addresses:
            if address.host in {LOOPBACK, "localhost"}:
                listening_socket(address.host, address.port).close()
