"""What the log still has is delivered again to whom it never reached, and to nobody twice."""

from __future__ import annotations

from datetime import timedelta

from tests.kit.events.system import Delivered, Placed, Shipped

from stoa.kit import clock, outbox, redelivery
from stoa.kit.inbox_repository import KEPT
from stoa.kit.redelivery import REACH, Round, count, reaching, replay
from stoa.kit.staff_acts import list_acts

TYPES = ("order.placed", "order.shipped")


async def all_of(system, hearer, types=TYPES, since=None) -> list[Round]:
    return [each async for each in replay(system.announcer.db, hearer.db, types, reaching(since))]


async def test_a_newcomer_gets_in_order_what_was_announced_before_it_came(system) -> None:
    await system.announcer.place("a", 1, 2)
    await system.announcer.change("b", Shipped(n=3))
    await system.announcer.change("b", Delivered(n=4))
    await system.announcer.db.execute("DELETE FROM outbox WHERE recipient = 'inventory'")
    system.relay()
    await system.delivered()
    assert await system.inventory.kept() == []
    assert await count(system.announcer.db, TYPES, reaching(None)) == 3
    assert await all_of(system, system.inventory) == [Round(looked_at=3, owed=3)]
    # Whoever stops here and begins anew owes nothing twice.
    assert await all_of(system, system.inventory) == [Round(looked_at=3, owed=0)]
    await system.delivered()
    assert await system.inventory.kept() == [1, 2, 3]
    assert await all_of(system, system.inventory) == [Round(looked_at=3, owed=0)]
    assert await system.announcer.owed() == []
    (act,) = await list_acts(system.announcer.db, limit=9)
    assert (act.actor, act.act, act.subject) == ("operator", "event.replayed", "inventory")
    assert (act.before, act.after) == (None, {"from": 1, "to": 3, "events": 3})


async def test_it_goes_in_rounds_and_only_what_is_missing_goes(system, monkeypatch) -> None:
    monkeypatch.setattr(redelivery, "ONE_ROUND", 2)
    await system.announcer.place("a", 1, 2, 3, 4, 5)
    system.relay()
    await system.delivered()
    await system.inventory.db.execute("DELETE FROM inbox WHERE (data ->> 'n')::int IN (2, 5)")
    calls = len(system.line.calls)
    assert await all_of(system, system.inventory) == [Round(2, 1), Round(2, 0), Round(1, 1)]
    await system.delivered()
    assert sum(events for _, events in system.line.calls[calls:]) == 2
    assert sorted(await system.inventory.kept()) == [1, 2, 3, 4, 5]


async def test_only_what_was_asked_for_and_what_the_inbox_would_know_again(system) -> None:
    await system.announcer.place("a", 1, 2, 3)
    await system.announcer.change("a", Shipped(n=4))
    db = system.announcer.db
    await db.execute("DELETE FROM outbox")
    # An inbox may have forgotten that it did what is older than this: it would do it again.
    await db.execute("UPDATE event_log SET time = now() - $1::interval WHERE id = 1", REACH + timedelta(minutes=1))
    await db.execute("UPDATE event_log SET time = now() - interval '2 days' WHERE id = 2")
    assert timedelta(days=1) <= KEPT - REACH
    assert await all_of(system, system.notification, ("order.shipped",)) == [Round(1, 1)]
    assert await all_of(system, system.notification, TYPES, clock.now() - timedelta(days=1)) == [Round(2, 1)]
    assert await all_of(system, system.notification, TYPES, clock.now() - KEPT * 2) == [Round(3, 1)]


async def test_what_was_given_up_or_is_parked_is_not_replayed(system) -> None:
    system.inventory.refuses = {1, 4}
    await system.announcer.place("a", 1, 2)
    await system.announcer.place("b", 4)
    system.relay()
    await system.delivered()
    db = system.announcer.db
    first = await db.fetchval("SELECT event_id FROM event_log WHERE id = 1")
    assert await outbox.discard(db, "inventory", first, "counted by hand")
    await system.delivered()
    assert await all_of(system, system.inventory) == [Round(looked_at=3, owed=0)]
    assert await system.inventory.kept() == [2]
    assert await system.announcer.parked() == [("inventory", "b", "not today")]


async def test_it_comes_once_although_it_is_replayed_while_it_is_delivered(system) -> None:
    for n in range(1, 201):
        await system.announcer.change(f"s{n % 7}", Placed(n=n))
    await system.announcer.db.execute("DELETE FROM outbox WHERE recipient = 'inventory' AND id % 2 = 0")
    system.relay()
    for n in range(201, 301):
        await system.announcer.change(f"s{n % 7}", Placed(n=n))
        if n % 20 == 0:
            await all_of(system, system.inventory)
    await system.delivered()
    assert sorted(await system.inventory.kept()) == list(range(1, 301))
