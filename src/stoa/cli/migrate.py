"""Make each service's database and login role, and bring the databases up to date. Safe to repeat."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from stoa.app import SERVICES
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.installation import Access
from stoa.kit.service import Service
from stoa.runtime.provision import prepare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Migrate all services on the server that runs, or on the embedded one, started for it."""
    console.expect(1)
    async with installation.installation_of(arguments).reach() as access:
        await migrate(console, access, SERVICES.values())


async def migrate(console: Console, access: Access, services: Iterable[Service]) -> None:
    """One step of a command."""
    asked = tuple(services)
    applied = 0
    with console.step("Databases and roles", total=len(asked)) as step:

        def report(_service: str, migrations: int) -> None:
            nonlocal applied
            applied += migrations
            step.advance()

        await prepare(access.dsn, access.secrets, asked, report)
        step.note = f"{applied} migrations applied" if applied else "up to date"
