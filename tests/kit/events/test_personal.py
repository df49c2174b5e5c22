"""What is personal in an event goes only to who needs it, and is nowhere any more when it has been used."""

from __future__ import annotations

import asyncio

import pytest
from tests.kit.events.system import HEARS, ORDER, Announcer, until

from stoa.kit import inbox, inbox_parked, outbox
from stoa.kit.events import Fact
from stoa.kit.inbox import Inbox
from stoa.kit.outbox import Outbox
from stoa.kit.service import Service


class Placed(Fact, event="order.placed", personal=("email", "name"), frozen=True, kw_only=True):
    n: int
    email: str
    name: str | None = None


EVERYTHING = """
    SELECT (SELECT count(*) FROM event_log WHERE event_log::text LIKE '%ada@%')
         + (SELECT count(*) FROM event_personal WHERE event_personal::text LIKE '%ada@%')
         + (SELECT count(*) FROM inbox WHERE inbox::text LIKE '%ada@%')
"""


@pytest.fixture
async def announcer(announcer) -> Announcer:
    announcer.outbox = Outbox(ORDER, lambda event_type: HEARS[event_type], {"notification"})
    return announcer


class Seen:
    """A handler of notification: it keeps what it was told, and fails as often as it is asked to."""

    def __init__(self, failures: int = 0) -> None:
        self.emails: list[object] = []
        self.failures = failures

    async def handle(self, _, event) -> None:
        self.emails.append((event.data.get("email"), event.data.get("name")))
        if self.failures:
            self.failures -= 1
            raise ValueError("no template")


async def done(db, count: int) -> bool:
    return await db.fetchval("SELECT count(*) FROM inbox WHERE done_at IS NOT NULL") == count


async def left(system) -> list[int]:
    return [await db.fetchval(EVERYTHING) for db in (system.announcer.db, system.inventory.db, system.notification.db)]


async def test_only_who_needs_it_is_told_and_it_is_gone_when_it_has_been_used(system) -> None:
    await system.announcer.change("a", Placed(n=1, email="ada@example.com", name="Ada"))
    assert await left(system) == [1, 0, 0]
    assert await system.announcer.db.fetchval("SELECT data FROM event_log") == {"n": 1}
    system.line.dead = {"inventory"}
    system.relay()
    await until(lambda: arrived(system.notification))
    # It is still owed to somebody, and not handled.
    assert await left(system) == [1, 0, 1]
    system.line.dead = set()
    await system.delivered()
    assert await left(system) == [0, 0, 1]
    assert await system.inventory.db.fetchval("SELECT data FROM inbox") == {"n": 1}

    seen = Seen()
    system.run(Inbox(Service(name="notification"), system.notification.db, {"order.placed": seen.handle}))
    await until(lambda: done(system.notification.db, 1))
    assert seen.emails == [("ada@example.com", "Ada")]
    assert await left(system) == [0, 0, 0]
    assert await system.notification.db.fetchval("SELECT data FROM inbox") == {"n": 1}


async def test_what_failed_and_is_parked_keeps_it_until_it_is_done(system) -> None:
    await system.announcer.change("a", Placed(n=1, email="ada@example.com"))
    system.relay()
    await system.delivered()
    db, seen = system.notification.db, Seen(failures=1)
    await db.execute("UPDATE inbox SET attempts = $1", inbox.MOST_ATTEMPTS - 1)
    system.run(Inbox(Service(name="notification"), db, {"order.placed": seen.handle}))
    await until(lambda: parked(db))
    assert await left(system) == [0, 0, 1]
    assert await inbox_parked.redrive(db) == 1
    await until(lambda: done(db, 1))
    assert seen.emails == [("ada@example.com", None)] * 2
    assert await left(system) == [0, 0, 0]


async def test_what_is_discarded_is_cut_too(system) -> None:
    await system.announcer.change("a", Placed(n=1, email="ada@example.com"))
    system.relay()
    await system.delivered()
    db = system.notification.db
    event_id = await db.fetchval("UPDATE inbox SET parked_at = now() RETURNING event_id")
    assert await inbox_parked.discard(db, event_id, "its buyer asked to be forgotten")
    assert await left(system) == [0, 0, 0]


async def test_what_was_refused_is_sent_with_it_when_it_is_redriven(system) -> None:
    system.notification.refuses = {1}
    await system.announcer.change("a", Placed(n=1, email="ada@example.com"))
    system.relay()
    await system.delivered()
    assert await left(system) == [1, 0, 0]
    await outbox.forget_personal(system.announcer.db)
    assert await left(system) == [1, 0, 0]
    system.notification.refuses = set()
    assert await outbox.redrive(system.announcer.db, "notification") == 1
    await system.delivered()
    assert await left(system) == [0, 0, 1]


async def test_what_nobody_needs_is_not_even_kept(system) -> None:
    system.announcer.outbox.get_personal = ()
    await system.announcer.change("a", Placed(n=1, email="ada@example.com"))
    assert await left(system) == [0, 0, 0]


async def test_what_a_relay_left_when_it_died_is_forgotten(system) -> None:
    for n in range(3):
        await system.announcer.change(f"s{n}", Placed(n=n, email="ada@example.com"))
    await system.announcer.db.execute("DELETE FROM outbox WHERE id <> (SELECT max(id) FROM outbox)")
    await outbox.forget_personal(system.announcer.db)
    assert await left(system) == [1, 0, 0]


def test_only_a_member_can_be_personal() -> None:
    with pytest.raises(TypeError, match=r"Lost has no \['email'\] that could be personal"):

        class Lost(Fact, event="order.placed", personal=("email",), frozen=True, kw_only=True):
            n: int


async def arrived(hearer) -> bool:
    return await hearer.arrived() == 1


async def parked(db) -> bool:
    await asyncio.sleep(0.01)
    return bool(await db.fetchval("SELECT count(*) FROM inbox WHERE parked_at IS NOT NULL"))
