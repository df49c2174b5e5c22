"""Run the embedded database server alone, until Ctrl-C: for `stoa serve` of single processes."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import AsyncExitStack

from stoa.app import STORED
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.migrate import migrate
from stoa.cli.processes import configure_logs, read_settings
from stoa.runtime.failure import Failure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Serve until told to stop."""
    here = installation.installation_of(arguments)
    if here.database_url:
        raise Failure("this command runs the embedded server", "leave out --database-url and STOA_DATABASE_URL")
    configure_logs("postgres", read_settings(here.environ))
    console.expect(2)
    async with AsyncExitStack() as stack:
        with console.step("Database server"):
            access = await stack.enter_async_context(here.own())
        await migrate(console, access, STORED.values())
        console.say(f"\nPostgreSQL serves {here.data_dir.path}; `stoa serve` finds it there. Ctrl-C stops it.")
        await asyncio.Event().wait()
