"""What every bus keeps, whatever is between the announcer and those who hear.

The announcer has a relay, each hearer an inbox, and between them is the bus under test and nothing else.
"""

from __future__ import annotations

import asyncio

import pytest
from tests.kit.events.system import HEARS, ORDER, Announcer, Hearer, Placed, Shipped, until

from stoa.kit import depth
from stoa.kit.db import Database
from stoa.kit.events import Fact
from stoa.kit.inbox import Inbox
from stoa.kit.outbox import Outbox
from stoa.kit.problems import Unavailable
from stoa.kit.redelivery import reaching, replay
from stoa.kit.relay import Relay
from stoa.kit.service import Service


class Told(Fact, event="order.placed", personal=("email",), frozen=True, kw_only=True):
    n: int
    email: str


class Failing:
    """A hearer that fails so often, before it has kept what came or after."""

    def __init__(self, hearer: Hearer, *, times: int, after_commit: bool) -> None:
        self._hearer = hearer
        self._left = times
        self._after_commit = after_commit

    async def accept(self, events):
        self._left -= 1
        if self._left >= 0 and not self._after_commit:
            raise Unavailable("the database does not answer")
        answer = await self._hearer.accept(events)
        if self._left >= 0:
            raise Unavailable("it died before it could say so")
        return answer

    @property
    def failed(self) -> bool:
        return self._left < 0


@pytest.fixture
async def hearers(hearer) -> tuple[Hearer, Hearer]:
    return await hearer("inventory"), await hearer("notification")


async def test_everything_arrives_once_and_each_subject_in_order(bus, announcer, hearers, run) -> None:
    inventory, notification = hearers
    async with bus.receive({"inventory": inventory, "notification": notification}):
        run(Relay(ORDER, announcer.db, announcer.outbox, bus))
        for n in range(1, 401):
            await announcer.change(f"s{n % 7}", Placed(n=n) if n % 3 else Shipped(n=n))
        await delivered(announcer)
        await until(lambda: has(notification, 400))
    for subject in range(7):
        mine = [n for n in range(1, 401) if n % 7 == subject]
        assert await notification.kept(f"s{subject}") == mine
        assert await inventory.kept(f"s{subject}") == [n for n in mine if n % 3]


@pytest.mark.parametrize("after_commit", [False, True])
async def test_it_is_acknowledged_by_the_commit_and_by_nothing_before(
    bus, announcer, hearers, run, after_commit: bool
) -> None:
    """It fails before the insert, and then between the insert and the acknowledgement."""
    inventory, notification = hearers
    failing = Failing(inventory, times=3, after_commit=after_commit)
    async with bus.receive({"inventory": failing, "notification": notification}):
        run(Relay(ORDER, announcer.db, announcer.outbox, bus))
        await announcer.place("a", 1, 2, 3)
        await until(lambda: has(notification, 3))
        await until(lambda: has(inventory, 3))
        await delivered(announcer)
    assert failing.failed
    assert await inventory.kept() == [1, 2, 3]
    assert await notification.kept() == [1, 2, 3]


async def test_who_does_not_receive_holds_up_nobody_and_gets_it_later(bus, announcer, hearers, run) -> None:
    inventory, notification = hearers
    async with bus.receive({"notification": notification}):
        run(Relay(ORDER, announcer.db, announcer.outbox, bus))
        await announcer.place("a", *range(1, 51))
        await until(lambda: has(notification, 50))
        assert await inventory.kept() == []
    async with bus.receive({"inventory": inventory, "notification": notification}):
        await delivered(announcer)
        await until(lambda: has(inventory, 50))
    assert await inventory.kept() == list(range(1, 51))


async def test_what_can_not_be_taken_is_parked_in_sight_and_holds_up_its_subject_only(
    bus, announcer, hearers, run
) -> None:
    inventory, notification = hearers
    inventory.refuses = {2}
    async with bus.receive({"inventory": inventory, "notification": notification}):
        run(Relay(ORDER, announcer.db, announcer.outbox, bus))
        await announcer.place("a", 1, 2, 3)
        await announcer.place("b", 4, 5)
        await until(lambda: has(notification, 5))
        await until(lambda: has(inventory, 3))
        await delivered(announcer)
        await announcer.place("b", 6)
        await until(lambda: has(inventory, 4))
    assert await inventory.kept() == [1, 4, 5, 6]
    seen = [await depth.depth(db) for db in (announcer.db, inventory.db)]
    assert sum(each.outbox_parked + each.inbox_parked for each in seen) == 2


async def test_processes_of_a_service_share_what_comes(bus, announcer, hearers, run) -> None:
    """A second one comes, and goes again."""
    inventory, notification = hearers
    twin = Database("inventory", inventory.db.dsn, 2)
    second = Inbox(Service(name="inventory"), twin, dict.fromkeys(HEARS, noted))
    async with bus.receive({"inventory": inventory, "notification": notification}):
        run(Relay(ORDER, announcer.db, announcer.outbox, bus))
        writing = asyncio.create_task(announcer.place("a", *range(1, 201)))
        await until(lambda: has(inventory, 20))
        async with bus.receive({"inventory": second, "notification": notification}):
            await writing
            await delivered(announcer)
            await until(lambda: has(inventory, 200))
        await announcer.place("a", 201)
        await until(lambda: has(inventory, 201))
        await delivered(announcer)
    await twin.close()
    assert await inventory.kept() == list(range(1, 202))


async def test_what_is_personal_comes_only_to_who_gets_it(bus, announcer, hearers, run) -> None:
    inventory, notification = hearers
    told = Announcer(announcer.db, Outbox(ORDER, lambda event_type: HEARS[event_type], {"notification"}))
    async with bus.receive({"inventory": inventory, "notification": notification}):
        run(Relay(ORDER, told.db, told.outbox, bus))
        await told.change("a", Told(n=1, email="ada@example.com"))
        await until(lambda: has(inventory, 1))
        await until(lambda: has(notification, 1))
        await delivered(announcer)
    assert await inventory.db.fetchval("SELECT data FROM inbox") == {"n": 1}
    assert await notification.db.fetchval("SELECT data FROM inbox") == {"n": 1, "email": "ada@example.com"}


async def test_what_is_replayed_comes_to_that_hearer_and_to_no_other(bus, announcer, hearers, run) -> None:
    inventory, notification = hearers
    async with bus.receive({"inventory": inventory, "notification": notification}):
        run(Relay(ORDER, announcer.db, announcer.outbox, bus))
        await announcer.place("a", 1, 2)
        await until(lambda: has(inventory, 2))
        await until(lambda: has(notification, 2))
        await delivered(announcer)
        for each in (inventory, notification):
            await each.db.execute("DELETE FROM inbox WHERE (data ->> 'n')::int = 1")
        types = ("order.placed",)
        owed = [each.owed async for each in replay(announcer.db, inventory.db, types, reaching(None))]
        await until(lambda: has(inventory, 2))
        await delivered(announcer)
    assert owed == [1]
    assert sorted(await inventory.kept()) == [1, 2]
    assert await notification.kept() == [2]


async def noted(tx, event) -> None:
    """Nothing: this is about what arrives."""


async def has(hearer: Hearer, events: int) -> bool:
    return await hearer.arrived() >= events


async def delivered(announcer: Announcer) -> None:
    async def nothing_owed() -> bool:
        return await announcer.owed() == []

    await until(nothing_owed)
