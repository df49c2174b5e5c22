"""A service that announces, services that hear of it, and the direct bus between them, each with a database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from stoa.kit.bus import DirectBus
from stoa.kit.db import Database, Transaction, later
from stoa.kit.events import Event, Fact, Owed, Refusal
from stoa.kit.inbox import Inbox
from stoa.kit.outbox import Announcement, Outbox
from stoa.kit.problems import Unavailable
from stoa.kit.relay import Relay
from stoa.kit.service import Service

HEARS = {
    "order.opened": ("inventory", "notification"),
    "order.placed": ("inventory", "notification"),
    "order.shipped": ("notification",),
    "order.delivered": (),
}
ORDER = Service(name="order", announces=tuple(HEARS))


class Opened(Fact, event="order.opened", first=True, frozen=True, kw_only=True):
    """The first of its subject, where it is said of it at all."""

    n: int


class Placed(Fact, event="order.placed", frozen=True, kw_only=True):
    n: int
    note: str = ""


class Shipped(Fact, event="order.shipped", frozen=True, kw_only=True):
    n: int


class Delivered(Fact, event="order.delivered", frozen=True, kw_only=True):
    n: int


@dataclass
class Announcer:
    """The order service: its aggregates are rows with a version."""

    db: Database
    outbox: Outbox

    async def change(self, subject: str, fact: Fact, before_commit: float = 0.0, opening: Fact | None = None) -> int:
        """Change an aggregate as every service does: lock its row, count its version, announce; the version.

        `opening` is said instead where the aggregate is new.
        """
        async with self.db.transaction() as tx:
            version = await tx.fetchval(
                "INSERT INTO aggregate VALUES ($1, 1)"
                " ON CONFLICT (id) DO UPDATE SET version = aggregate.version + 1 RETURNING version",
                subject,
            )
            said = opening if opening is not None and version == 1 else fact
            await self.outbox.announce(tx, subject=subject, version=version, fact=said)
            await asyncio.sleep(before_commit)
        return version

    async def open(self, *numbers: int) -> None:
        """New aggregates, each with the first that is ever said of it."""
        for n in numbers:
            await self.change(f"new{n}", Opened(n=n))

    async def place(self, subject: str, *numbers: int) -> None:
        for n in numbers:
            await self.change(subject, Placed(n=n))

    async def announce_at_once(self, announcements: Sequence[Announcement]) -> list[str]:
        async with self.db.transaction() as tx:
            return await self.outbox.announce_all(tx, announcements)

    async def owed(self) -> list[tuple[str, str]]:
        rows = await self.db.fetch(
            "SELECT recipient, subject FROM outbox JOIN event_log USING (id) ORDER BY recipient, id"
        )
        return [(row["recipient"], row["subject"]) for row in rows]

    async def parked(self) -> list[tuple[str, str, str]]:
        rows = await self.db.fetch("SELECT recipient, subject, reason FROM outbox_parked ORDER BY recipient, id")
        return [(row["recipient"], row["subject"], row["reason"]) for row in rows]


@dataclass
class Hearer:
    """A service that hears: it refuses on demand, and notes in the order of arrival what it has kept."""

    name: str
    db: Database
    inbox: Inbox
    refuses: set[int] = field(default_factory=set)

    async def accept(self, events: Sequence[Event]) -> Sequence[Refusal]:
        for at, event in enumerate(events):
            if event.data["n"] in self.refuses:
                behind = [Refusal(each.id, "not today") for each in events[at:] if each.subject == event.subject]
                away = {refusal.event_id for refusal in behind}
                rest = [each for each in events if each.id not in away]
                return [*behind, *(await self.accept(rest))]
        return await self.inbox.accept(events)

    async def kept(self, subject: str | None = None) -> list[int]:
        """The numbers of the events in the inbox, in the order of arrival."""
        rows = await self.db.fetch("SELECT subject, data FROM inbox ORDER BY seq")
        return [row["data"]["n"] for row in rows if subject in (None, row["subject"])]

    async def arrived(self) -> int:
        return await self.db.fetchval("SELECT count(*) FROM inbox")


class Line:
    """The bus, with what goes wrong on one: a recipient that does not answer, an answer that is lost."""

    def __init__(self, bus: DirectBus) -> None:
        self._bus = bus
        self.dead: set[str] = set()
        self.lost_answers: dict[str, int] = {}
        self.calls: list[tuple[str, int]] = []

    async def deliver(self, recipient: str, events: Sequence[Owed]) -> Sequence[Refusal]:
        self.calls.append((recipient, len(events)))
        if recipient in self.dead:
            raise Unavailable(f"{recipient} is down")
        answer = await self._bus.deliver(recipient, events)
        if self.lost_answers.get(recipient, 0):
            self.lost_answers[recipient] -= 1
            raise Unavailable("the answer was lost")
        return answer


@dataclass
class System:
    announcer: Announcer
    inventory: Hearer
    notification: Hearer
    line: Line
    run: Callable[[Relay | Inbox], asyncio.Task[None]]

    def relay(self, db: Database | None = None, outbox: Outbox | None = None) -> Relay:
        """A relay that runs until the test ends: of this process, or of another one with a pool of its own."""
        relay = Relay(ORDER, db or self.announcer.db, outbox or self.announcer.outbox, self.line)
        self.run(relay)
        return relay

    async def another_process(self) -> Announcer:
        """The same service in a process of its own: its own pool and outbox on the same database."""
        db = Database("order", self.announcer.db.dsn, self.announcer.db.size)
        return Announcer(db, new_outbox())

    async def delivered(self) -> None:
        await until(self._nothing_owed)

    async def _nothing_owed(self) -> bool:
        return await self.announcer.db.fetchval("SELECT count(*) FROM outbox") == 0


def new_outbox() -> Outbox:
    return Outbox(ORDER, lambda event_type: HEARS[event_type])


async def until(condition: Callable[[], Awaitable[bool]], within_seconds: float = 60) -> None:
    async with asyncio.timeout(within_seconds):
        while not await condition():
            await asyncio.sleep(0.002)


async def note(tx: Transaction, event: Event) -> None:
    """The handler of the hearers: one row for each time it ran, written as handlers do, with the commit."""
    await later(
        tx,
        "INSERT INTO effect (subject, version, n) VALUES ($1, $2, $3)",
        event.subject,
        event.aggregateversion,
        event.data["n"],
    )


EFFECTS = """
    CREATE TABLE effect (
        at bigint GENERATED ALWAYS AS IDENTITY, subject text, version bigint, n int
    )
"""
