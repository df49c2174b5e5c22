"""Checks the six invariants over all services' databases; exit status 1 and a list, with ids, of what is broken."""

from __future__ import annotations

import argparse
import contextlib

from rich.markup import escape

from stoa.app import SERVICES
from stoa.audit.audit import INVARIANTS, Verdict, audit
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.installation import Access
from stoa.kit.db import Database
from stoa.kit.problems import Problem
from stoa.runtime.failure import Failure
from stoa.runtime.provision import service_dsn

POOL_SIZE = 2  # the audit asks one question at a time of each database
SHOWN = 20  # findings of one invariant, before the rest is only counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument(
        "--looks",
        type=int,
        default=5,
        help="how often to look again at what seems wrong, 2 s apart, before it counts; default: %(default)s",
    )


async def run(arguments: argparse.Namespace, console: Console) -> int:
    async with installation.installation_of(arguments).reach() as access:
        return report(await audit_of(access, looks=max(1, arguments.looks)), console)


async def audit_of(access: Access, *, looks: int) -> list[Verdict]:
    """The verdicts on every database of the installation. Raises `Failure` where one cannot be read."""
    databases = {
        name: Database(name, service_dsn(access.dsn, service, access.secrets), POOL_SIZE)
        for name, service in SERVICES.items()
    }
    async with contextlib.AsyncExitStack() as closing:
        for database in databases.values():
            closing.push_async_callback(database.close)
        try:
            return await audit(databases, looks=looks)
        except Problem as problem:
            raise Failure(problem.detail, "run `stoa doctor`") from None


def report(verdicts: list[Verdict], console: Console) -> int:
    """One line for each invariant, and what breaks it; the exit status."""
    for verdict in verdicts:
        mark = "[red]✗[/]" if verdict.findings else "[green]✓[/]"
        console.say(f"{mark} {verdict.invariant.number}  {escape(verdict.invariant.statement)}")
        for finding in verdict.findings[:SHOWN]:
            console.say(f"     {escape(finding.subject)} {escape(finding.what)}")
        if len(verdict.findings) > SHOWN:
            console.say(f"     … and {len(verdict.findings) - SHOWN} more")
    broken = sum(bool(verdict.findings) for verdict in verdicts)
    if not broken:
        console.say(f"All {len(INVARIANTS)} invariants hold.")
    return 1 if broken else 0
