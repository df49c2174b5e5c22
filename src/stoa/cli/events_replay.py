"""Deliver again to one service what it hears of and never got: it came later than the shop, or lost it.

    stoa events replay --to giftwrap --since 7d

Of each announcer it looks at what the log has of the last 29 days. What the service has is left out, so it is safe
to repeat, beside a shop that runs or without one: what is cut short goes on where it stopped. Old events come after
newer ones that have arrived, and what was about a person in them is there only until all who hear of it have them.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

from stoa.app import SERVICES
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.databases import every_database
from stoa.cli.moments import FORMS, moment
from stoa.cli.processes import configure_logs, read_settings, whole_process
from stoa.kit import redelivery
from stoa.kit.db import Database
from stoa.runtime.failure import Failure

OWED = "SELECT count(*) FROM (SELECT FROM outbox WHERE recipient = $1 LIMIT 10000) AS first"
UNDONE = "SELECT EXISTS (SELECT FROM inbox WHERE done_at IS NULL AND parked_at IS NULL AND retry_at <= now())"

MOST_OWED = 5_000
"""As long as so much is on its way, nothing more is put behind it."""
MOST_SECONDS = 60.0
"""How long nothing may move, and how long the last of it may take before it is left to the shop."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    hearers = sorted(name for name, service in SERVICES.items() if service.hears)
    parser.add_argument("--to", required=True, choices=hearers, help="the service that gets it")
    parser.add_argument("--since", type=moment, metavar="WHEN", help=f"what was announced since: {FORMS}; default: all")
    parser.add_argument("--type", help="only events of this type; default: all that the service hears of")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    service = SERVICES[arguments.to]
    if arguments.type not in {None, *service.hears}:
        raise Failure(
            f"{service.name} does not hear of {arguments.type!r}", f"choose from {', '.join(sorted(service.hears))}"
        )
    types = {arguments.type} if arguments.type else set(service.hears)
    announcers = {name: types & set(each.announces) for name, each in SERVICES.items() if types & set(each.announces)}
    here = installation.installation_of(arguments)
    configure_logs("events", read_settings(here.environ))
    since = redelivery.reaching(arguments.since)
    async with here.existing() as access, every_database(access) as databases:
        hearer = databases[service.name]
        async with whole_process(access, here) as process:
            for each in process.services:
                each.run_events()
            console.expect(len(announcers))
            owed = 0
            for name, heard in announcers.items():
                owed += await _replay(databases[name], hearer, heard, since, console)
            with console.waiting(f"{service.name} gets what it had not"):
                await _arrive([databases[name] for name in announcers], hearer)
    console.say(f"{service.name} gets {owed} events of {since:%Y-%m-%d %H:%M} UTC or later that it did not have.")
    if owed and service.gets_personal:
        console.say("Of those that everybody else had got, what is about a person is gone: `stoa parked` lists what")
        console.say("could not be handled without.")


async def _replay(announcer: Database, hearer: Database, types: set[str], since: datetime, console: Console) -> int:
    owed = 0
    total = await redelivery.count(announcer, types, since)
    with console.step(f"Look at what {announcer.service} announced", total=total) as step:
        async for each in redelivery.replay(announcer, hearer, types, since):
            step.advance(each.looked_at)
            owed += each.owed
            await _there_is_room(announcer, hearer.service)
        step.note = f"{owed} of {total} were missing"
    return owed


async def _there_is_room(announcer: Database, recipient: str) -> None:
    """Wait until no more than `MOST_OWED` are on their way. Raises `Failure` where none of them moves."""
    before, give_up = 0, 0.0
    while (now := await announcer.fetchval(OWED, recipient)) > MOST_OWED:
        if now != before:
            before, give_up = now, time.monotonic() + MOST_SECONDS
        elif time.monotonic() > give_up:
            raise Failure(f"{recipient} takes no events", "see what the log says of it; then repeat this command")
        await asyncio.sleep(0.1)


async def _arrive(announcers: Sequence[Database], hearer: Database) -> None:
    """Wait until everything is delivered and handled, but not for ever: the shop does the rest."""
    give_up = time.monotonic() + MOST_SECONDS
    while time.monotonic() < give_up:
        owed = [await announcer.fetchval(OWED, hearer.service) for announcer in announcers]
        if not any(owed) and not await hearer.fetchval(UNDONE):
            return
        await asyncio.sleep(0.1)
