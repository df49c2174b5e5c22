"""Checks the nine invariants over all services' databases; exit status 1 and a list, with ids, of what is broken.

Memory stays the same however large the shop is. With --since it looks at the orders, payments, reservations,
events and files that began then or later, which on a large shop takes a fraction of the time; stock is always added up
whole.
"""

from __future__ import annotations

import argparse
from datetime import datetime

from rich.markup import escape

from stoa.audit.audit import INVARIANTS, MOST_FINDINGS, Verdict, judge
from stoa.audit.look import EVER
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.databases import every_database
from stoa.cli.installation import files_of
from stoa.cli.moments import FORMS, moment
from stoa.kit.depth import depth
from stoa.kit.ids import first_uuid7
from stoa.runtime.access import Access
from stoa.runtime.kept_files import KeptFiles

SHOWN = 20  # findings of one invariant, before the rest is only counted
PAUSE_SECONDS = 2.0  # between two looks
MOST_LOOKS = 1000  # half an hour


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument(
        "--looks",
        type=installation.whole(1, MOST_LOOKS),
        default=5,
        help="how often to look again at what seems wrong, 2 s apart, before it counts; default: %(default)s",
    )
    parser.add_argument(
        "--since",
        type=moment,
        metavar="WHEN",
        help=f"only what began since: {FORMS}; default: all",
    )


async def run(arguments: argparse.Namespace, console: Console) -> int:
    here = installation.installation_of(arguments)
    files = files_of(here)
    async with here.existing() as access:
        return await audit(access, files, console, looks=arguments.looks, since=arguments.since)


async def audit(
    access: Access, files: KeptFiles, console: Console, *, looks: int, since: datetime | None = None
) -> int:
    """Say of each invariant whether it holds, as soon as it is known, and what breaks it; the exit status.

    Raises `Failure` where a database or a file cannot be read.
    """
    broken = 0
    first = EVER if since is None else first_uuid7(since)
    async with every_database(access) as databases:
        for invariant in INVARIANTS:
            with console.waiting(f"{invariant.number}  {invariant.statement}"):
                verdict = await judge(
                    databases, invariant, files=files, since=first, looks=looks, pause_seconds=PAUSE_SECONDS
                )
            _say(verdict, console)
            broken += bool(verdict.findings)
        moving = sum([(await depth(database)).moving for database in databases.values()]) if broken else 0
    if not broken:
        console.say(f"All {len(INVARIANTS)} invariants hold.")
    if moving:
        console.say(f"{moving} deliveries are still on their way: a shop that runs brings them; look again then.")
    return 1 if broken else 0


def _say(verdict: Verdict, console: Console) -> None:
    mark = "[red]✗[/]" if verdict.findings else "[green]✓[/]"
    console.say(f"{mark} {verdict.invariant.number}  {escape(verdict.invariant.statement)}")
    for finding in verdict.findings[:SHOWN]:
        console.say(f"     {escape(finding.subject)} {escape(finding.what)}")
    if len(verdict.findings) > SHOWN:
        least = "at least " if len(verdict.findings) == MOST_FINDINGS else ""
        console.say(f"     … and {least}{len(verdict.findings) - SHOWN} more")
