"""List the events that wait for a person, and with --redrive have them tried again. Safe to repeat.

An event is parked by its hearer, whose handler kept failing, or by its announcer, whom a hearer refused.
Either way it holds up later events of its own subject and nothing else. Mend the cause, then redrive: this very
command delivers and handles what it put back, whether the shop runs or not.

    stoa parked discard EVENT --reason "paid back by bank transfer"

gives up what one event should have done, for good: `stoa acts` shows who did it and why, the audit no longer
asks for its effect, and what comes later about the same subject goes on.

    stoa parked discard --service NAME --reason "not used any more"

does the same for all that is owed to a service that is gone: one that was uninstalled, or hears of nothing any more.

    stoa parked discard --topic product-views --reason "views of a test"

gives up the behavior events of a topic that whoever follows it could not handle: they have held up nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.markup import escape

from stoa.app import SERVICES, STORED, hearers
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.databases import every_database
from stoa.cli.installation import Installation
from stoa.cli.processes import whole_process
from stoa.kit import hearers as hearing
from stoa.kit import inbox_parked, outbox, stream_parked
from stoa.kit.db import Database
from stoa.kit.ids import is_uuid
from stoa.runtime.access import Access
from stoa.runtime.failure import Failure

FAILED = """
    SELECT type, subject, event_id, attempts, error FROM inbox
    WHERE parked_at IS NOT NULL AND done_at IS NULL ORDER BY seq
"""

REFUSED = """
    SELECT recipient, parked.subject, type, event_id, reason
    FROM outbox_parked AS parked JOIN event_log AS event ON event.id = parked.id ORDER BY parked.id
"""

# What a look would find now: not what waits for its next try, nor what is for somebody who is gone, or for the
# gateway, which keeps nothing.
MOVING = """
    SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL AND parked_at IS NULL AND retry_at <= now())
         + (SELECT count(*) FROM outbox WHERE recipient = ANY ($1))
"""
MOST_SECONDS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument("act", nargs="?", choices=["discard"], help="give up one event for good")
    parser.add_argument("event", nargs="?", help="the event to discard, by the id that the list shows")
    parser.add_argument("--service", help="only of this one; default: of all")
    parser.add_argument("--topic", help="discard the behavior events that are parked of this")
    parser.add_argument("--redrive", action="store_true", help="have what is listed tried again")
    parser.add_argument("--reason", type=installation.reason, default="", help="why an event is discarded: it is kept")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    if arguments.act == "discard" and arguments.topic and not arguments.event:
        await _discard_behavior(arguments, console)
    elif arguments.topic:
        raise Failure(
            "a topic is only named to discard what is parked of it", "say discard, and no event, or leave it out"
        )
    elif arguments.act == "discard" and arguments.service and not arguments.event:
        await _let_go(arguments, console)
    elif arguments.act == "discard":
        await _discard(arguments, console)
    elif arguments.reason:
        raise Failure("only an event that is discarded has a reason", "leave out --reason, or say which to discard")
    else:
        await _list_all(arguments, console)


async def _list_all(arguments: argparse.Namespace, console: Console) -> None:
    if arguments.service not in {None, *SERVICES}:
        raise Failure(f"there is no service {arguments.service!r}", f"choose from {', '.join(sorted(SERVICES))}")
    found = left = 0
    here = installation.installation_of(arguments)
    async with here.existing() as access, every_database(access) as databases:
        for name, database in databases.items():
            if arguments.service in {None, name}:
                found += await _list(name, database, console)
                left += await _list_left(name, database, console)
                if arguments.redrive:
                    await _redrive(database)
        if found and arguments.redrive:
            with console.waiting(f"{found} events are tried again"):
                await _work_off(here, access, databases)
    if not found and not left:
        console.say("No event is parked.")
    elif not found:
        console.say("No other event is parked.")
    elif arguments.redrive:
        console.say(f"{found} events were tried again; what fails once more is tried on by the shop, or stays here.")


async def _work_off(here: Installation, access: Access, databases: Mapping[str, Database]) -> None:
    """Deliver and handle what was put back: a shop at rest would find it minutes later."""
    give_up = time.monotonic() + MOST_SECONDS
    async with whole_process(access, here) as process:
        for each in process.services:
            for follower in each.stored.followers if each.stored else ():
                await follower.redrive()
            each.run_events()
        while time.monotonic() < give_up:
            there = {name: list(hearers(STORED[name]) & STORED.keys()) for name in databases}
            if not sum([await database.fetchval(MOVING, there[name]) for name, database in databases.items()]):
                return
            await asyncio.sleep(0.1)


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
    behavior = await stream_parked.by_topic(database)
    for parked in behavior:
        console.say(f"{name} could not handle {parked.events} behavior events of {parked.topic} from {parked.source}")
        console.say(f"     the last: {escape(parked.error)}")
    return len(failed) + len(refused) + sum(parked.events for parked in behavior)


async def _list_left(name: str, database: Database, console: Console) -> int:
    """What is owed to who is gone: it is not parked, and goes on where he comes back."""
    left = await hearing.gone(database, hearers(STORED[name]))
    for recipient, events in left.items():
        console.say(f"{escape(recipient)} is gone, and {name} owes it {events} events: install it again, or")
        console.say(f'     stoa parked discard --service {escape(recipient)} --reason "…"')
    return len(left)


async def _redrive(database: Database) -> None:
    await inbox_parked.redrive(database)
    for recipient in {row["recipient"] for row in await database.fetch(REFUSED)}:
        await outbox.redrive(database, recipient)


@dataclass(frozen=True)
class Waiting:
    """A parked event, and for whom: in the hearer's own database, or still with the announcer."""

    recipient: str
    database: Database
    on_the_way: bool


async def _discard(arguments: argparse.Namespace, console: Console) -> None:
    event_id, reason = (arguments.event or "").lower(), arguments.reason.strip()
    if arguments.redrive:
        raise Failure("an event is discarded or tried again, not both", "leave out discard or --redrive")
    if not is_uuid(event_id):
        raise Failure(
            "no event is named", "stoa parked lists them with their ids: stoa parked discard EVENT --reason …"
        )
    if not reason:
        raise Failure("an event is discarded for a reason, which is kept", "say it with --reason")
    async with installation.installation_of(arguments).existing() as access, every_database(access) as databases:
        found = [
            waiting for waiting in await _waiting(databases, event_id) if arguments.service in {None, waiting.recipient}
        ]
        if not found:
            raise Failure(f"{event_id} is not parked", "stoa parked lists what is")
        if len(found) > 1:
            names = ", ".join(sorted(waiting.recipient for waiting in found))
            raise Failure(f"{event_id} is parked for {names}", "say for which with --service")
        (waiting,) = found
        if waiting.on_the_way:
            done = await outbox.discard(waiting.database, waiting.recipient, event_id, reason)
        else:
            done = await inbox_parked.discard(waiting.database, event_id, reason)
    if not done:
        raise Failure(f"{event_id} is not parked any more", "stoa parked lists what is")
    console.say(f"{event_id} is discarded: {waiting.recipient} will not have its effect.")


async def _discard_behavior(arguments: argparse.Namespace, console: Console) -> None:
    topic, reason = arguments.topic, arguments.reason.strip()
    if arguments.redrive:
        raise Failure("events are discarded or tried again, not both", "leave out discard or --redrive")
    if not reason:
        raise Failure("events are discarded for a reason, which is kept", "say it with --reason")
    async with installation.installation_of(arguments).existing() as access, every_database(access) as databases:
        asked = [database for name, database in databases.items() if arguments.service in {None, name}]
        given_up = sum([await stream_parked.discard(database, topic, reason) for database in asked])
    if not given_up:
        raise Failure(f"nothing is parked of a topic {topic!r}", "stoa parked lists what is")
    console.say(f"{given_up} behavior events of {escape(topic)} are discarded.")


async def _let_go(arguments: argparse.Namespace, console: Console) -> None:
    """Give up what somebody is owed who is gone."""
    gone, reason = arguments.service, arguments.reason.strip()
    if arguments.redrive:
        raise Failure("an event is discarded or tried again, not both", "leave out discard or --redrive")
    without = [name for name, service in STORED.items() if gone not in hearers(service)]
    if not reason:
        raise Failure("events are discarded for a reason, which is kept", "say it with --reason")
    async with installation.installation_of(arguments).existing() as access, every_database(access) as databases:
        given_up = [await hearing.let_go(databases[name], gone, reason) for name in without]
    if all(each is None for each in given_up):
        raise Failure(
            f"nobody called {gone} is gone", "stoa parked lists who is, and the events that are discarded one by one"
        )
    console.say(f"{sum(filter(None, given_up))} events are discarded: {escape(gone)} will not have their effect.")


async def _waiting(databases: Mapping[str, Database], event_id: str) -> list[Waiting]:
    found = []
    for name, database in databases.items():
        failed, refused = await database.fetch(FAILED), await database.fetch(REFUSED)
        found += [Waiting(name, database, on_the_way=False) for row in failed if row["event_id"] == event_id]
        found += [
            Waiting(row["recipient"], database, on_the_way=True) for row in refused if row["event_id"] == event_id
        ]
    return found
