"""List the events that wait for a person, and with --redrive have them tried again. Safe to repeat.

An event is parked by its hearer, whose handler kept failing, or by its announcer, whom a hearer refused.
Either way it holds up later events of its own subject and nothing else. Mend the cause, then redrive.
"""

from __future__ import annotations

import argparse

from rich.markup import escape

from stoa.app import SERVICES
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.databases import every_database
from stoa.kit import inbox, outbox
from stoa.kit.db import Database

FAILED = """
    SELECT type, subject, event_id, attempts, error FROM inbox
    WHERE parked_at IS NOT NULL AND done_at IS NULL ORDER BY seq
"""

REFUSED = """
    SELECT recipient, parked.subject, type, event_id, reason
    FROM outbox_parked AS parked JOIN event_log AS event ON event.id = parked.id ORDER BY parked.id
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument("--service", choices=sorted(SERVICES), help="only of this one; default: of all")
    parser.add_argument("--redrive", action="store_true", help="have what is listed tried again")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    found = 0
    async with installation.installation_of(arguments).existing() as access, every_database(access) as databases:
        for name, database in databases.items():
            if arguments.service in {None, name}:
                found += await _list(name, database, console)
                if arguments.redrive:
                    await _redrive(database)
    if not found:
        console.say("No event is parked.")
    elif arguments.redrive:
        console.say(f"{found} events are tried again, as soon as the shop runs.")


async def _list(name: str, database: Database, console: Console) -> int:
    failed, refused = await database.fetch(FAILED), await database.fetch(REFUSED)
    for row in failed:
        console.say(f"{name} could not handle {row['type']} {row['event_id']} of {escape(row['subject'])}")
        console.say(f"     after {row['attempts']} attempts: {escape(row['error'] or '')}")
    for row in refused:
        console.say(
            f"{row['recipient']} refused {row['type']} {row['event_id']} of {escape(row['subject'])} from {name}"
        )
        console.say(f"     {escape(row['reason'])}")
    return len(failed) + len(refused)


async def _redrive(database: Database) -> None:
    await inbox.redrive(database)
    for recipient in {row["recipient"] for row in await database.fetch(REFUSED)}:
        await outbox.redrive(database, recipient)
