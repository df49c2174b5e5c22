"""Follow what all services announce, from now on, until Ctrl-C: when, type, subject, data.

The logs are looked at twice a second, by reads alone. What is personal in an event stands beside the log and is
not shown.

    stoa events tail --topic product-views

follows behavior events instead, when their batch was written: when, topic, by whom, data.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import msgspec
from rich.markup import escape

from stoa.app import SERVICES
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.databases import every_database
from stoa.kit.db import Database, Db
from stoa.kit.nearest import choose
from stoa.kit.streams import MOST_BATCHES, Batch
from stoa.runtime.failure import Failure

LOOK_EVERY_SECONDS = 0.5
MOST = 1000  # of one look at one service

LATE_SECONDS = 60.0
"""A number that is missing for so long was rolled back: no transaction of a service's is open for a third of it."""

LATEST = "SELECT coalesce(max(id), 0) FROM event_log"

NEWS = """
    SELECT id, type, subject, time, data FROM event_log WHERE id > $1 OR id = ANY ($2::bigint[]) ORDER BY id LIMIT $3
"""


LAST_BATCH = "SELECT coalesce(max(id), 0) FROM stream_batches WHERE topic = $1"

NEW_BATCHES = "SELECT id, at, data FROM stream_batches WHERE topic = $1 AND id > $2 ORDER BY id LIMIT $3"


class Announced(NamedTuple):
    """What one line shows: of a behavior event the topic and who wrote it."""

    time: datetime
    type: str
    subject: str
    data: Any


class LogTail:
    """Reads a log to its end again and again, and misses nothing that commits late.

    Numbers are given out before commits happen, so a number that is missing between two may still come: it is asked
    for until it is sure that it does not.
    """

    def __init__(self, db: Db) -> None:
        self._db = db
        self._last: int | None = None
        self._missing: dict[int, float] = {}

    async def start(self) -> None:
        """What is announced before now is not followed."""
        self._last = await self._db.fetchval(LATEST)

    async def news(self) -> list[Announced]:
        """What was committed since the last look, `MOST` at most."""
        assert self._last is not None, "start() first"
        now = time.monotonic()
        self._missing = {number: since for number, since in self._missing.items() if now - since < LATE_SECONDS}
        rows = await self._db.fetch(NEWS, self._last, list(self._missing), MOST)
        for row in rows:
            self._missing.pop(row["id"], None)
            self._missing.update(dict.fromkeys(range(self._last + 1, row["id"]), now))
            self._last = max(self._last, row["id"])
        return [Announced(row["time"], row["type"], row["subject"], row["data"]) for row in rows]


class TopicTail:
    """The same for a topic of one service, whose batches become visible in the order of their numbers."""

    def __init__(self, db: Database, topic: str) -> None:
        self._db = db
        self._topic = topic
        self._last = 0

    async def start(self) -> None:
        self._last = await self._db.fetchval(LAST_BATCH, self._topic)

    async def news(self) -> list[Announced]:
        found = []
        for row in await self._db.fetch(NEW_BATCHES, self._topic, self._last, MOST_BATCHES):
            self._last = row["id"]
            lines = Batch(row["id"], row["data"]).lines()
            found += [Announced(row["at"], self._topic, self._db.service, line) for line in lines]
        return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", default="*", metavar="PATTERN", help="only of these types, such as 'order.*'")
    parser.add_argument("--topic", metavar="PATTERN", help="behavior events of these topics, and no others")
    parser.add_argument("--subject", help="only about this: the id of an order, a product, a user, or a SKU")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    here = installation.installation_of(arguments)
    if arguments.topic:
        _must_exist(arguments.topic, {topic for service in SERVICES.values() for topic in service.streams}, "writes")
    else:
        _must_exist(arguments.type, {each for service in SERVICES.values() for each in service.announces}, "announces")
    async with AsyncExitStack() as stack:
        databases = await stack.enter_async_context(every_database(await here.need()))
        tails = _of_topics(databases, arguments.topic) if arguments.topic else _of_logs(databases)
        for tail in tails:
            await tail.start()
        while True:
            news = [each for tail in tails for each in await tail.news()]
            for each in sorted(news, key=lambda one: one.time):
                if arguments.topic or _is_asked_for(each, arguments):
                    console.say(escape(_line(each)))
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _must_exist(pattern: str, names: Collection[str], does: str) -> None:
    if not any(fnmatchcase(each, pattern) for each in names):
        mend = choose(pattern, sorted(names)) if names else f"none {does} anything of the kind"
        raise Failure(f"no service {does} {pattern!r}", mend)


def _of_logs(databases: Mapping[str, Database]) -> list[LogTail | TopicTail]:
    return [LogTail(databases[name]) for name, service in SERVICES.items() if service.announces]


def _of_topics(databases: Mapping[str, Database], pattern: str) -> list[LogTail | TopicTail]:
    return [
        TopicTail(databases[name], topic)
        for name, service in SERVICES.items()
        for topic in service.streams
        if fnmatchcase(topic, pattern)
    ]


def _is_asked_for(event: Announced, arguments: argparse.Namespace) -> bool:
    return fnmatchcase(event.type, arguments.type) and arguments.subject in {None, event.subject}


def _line(event: Announced) -> str:
    data = msgspec.json.encode(event.data).decode()
    return f"{event.time:%H:%M:%S}.{event.time.microsecond // 1000:03}Z  {event.type}  {event.subject}  {data}"
