"""Print what one process of a topology needs to be given so that `stoa serve` runs it, and nothing that is another's.

    stoa secrets --topology three-services --process order --to order.env

One NAME=value a line, as `docker run --env-file` reads it: the URLs of its services, and the words that
processes show each other. With it a process needs neither the administrator's URL nor the installation's secret. Where
a value was given it is that one; else it is derived, and does not lead back to what it comes from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape

from stoa.app import STORED
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.runtime import files
from stoa.runtime import topology as topologies
from stoa.runtime.access import Access, variable_of_url
from stoa.runtime.failure import Failure
from stoa.runtime.secrets import words_of
from stoa.runtime.topology import ProcessPlan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument("--process", required=True, help="its name in the topology")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write it into this new file, of mode 0600, not here")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    here = installation.installation_of(arguments)
    plan = topologies.load(here.topology, here.environ).process(arguments.process)
    if not here.is_elsewhere:
        raise Failure(
            "processes on the embedded server share its data directory, and need nothing else",
            "give a server of your own with --database-url",
        )
    text = "".join(f"{name}={value}\n" for name, value in needed_by(plan, await here.need()))
    if arguments.to is None:
        sys.stdout.write(text)
        return
    if arguments.to.exists():
        raise Failure(f"{arguments.to} is there already", "choose another file with --to")
    files.write(arguments.to, text)
    console.say(f"What process {plan.name} needs is in {escape(str(arguments.to))}.")


def needed_by(plan: ProcessPlan, access: Access) -> Iterator[tuple[str, str]]:
    """Variables and their values, for this process only."""
    yield "STOA_NAME", access.name
    for service in plan.databases:
        yield variable_of_url(service), access.dsn_of(STORED[service])
    for word in words_of(gateway=plan.gateway):
        yield word, access.secrets.word(word)
