"""Make each service's database and login role, and bring the databases up to date. Safe to repeat.

Roles that have the passwords of another secret are another installation's, or this one's before its secret was
changed or lost. Only with --new-secret are they given the passwords of the secret that is in force.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from stoa.app import STORED
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.kit.service import Service
from stoa.runtime.access import Access
from stoa.runtime.provision import prepare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument(
        "--new-secret", action="store_true", help="the secret was changed or lost: give the roles new passwords"
    )


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Migrate all services on the server that runs, or on the embedded one, started for it."""
    console.expect(1)
    async with installation.installation_of(arguments).reach(new_secret=arguments.new_secret) as access:
        await migrate(console, access, STORED.values(), new_secret=arguments.new_secret)


async def migrate(console: Console, access: Access, services: Iterable[Service], *, new_secret: bool = False) -> None:
    """One step of a command."""
    asked = tuple(services)
    applied = 0
    with console.step("Databases and roles", total=len(asked)) as step:

        def report(_service: str, migrations: int) -> None:
            nonlocal applied
            applied += migrations
            step.advance()

        await prepare(access, asked, report, new_secret=new_secret)
        step.note = f"{applied} migrations applied" if applied else "up to date"
