"""Checks the six invariants over all services' databases; exit status 1 and a list, with ids, of what is broken."""

from __future__ import annotations

import argparse

from rich.markup import escape

from stoa.audit.audit import INVARIANTS, Verdict, audit
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.databases import every_database
from stoa.cli.installation import Access

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
    async with installation.installation_of(arguments).existing() as access:
        return report(await audit_of(access, looks=max(1, arguments.looks)), console)


async def audit_of(access: Access, *, looks: int) -> list[Verdict]:
    """The verdicts on every database of the installation. Raises `Failure` where one cannot be read."""
    async with every_database(access) as databases:
        return await audit(databases, looks=looks)


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
