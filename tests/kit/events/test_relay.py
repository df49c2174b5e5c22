"""Nothing announced is lost, nothing overtakes, and what goes wrong with one recipient or subject stays there."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from tests.kit.events.system import Announcer, Opened, Placed, System, until

from stoa.kit import outbox, pulse, relay
from stoa.kit.db import Database, DatabaseUnavailable
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Announcement
from stoa.kit.staff_acts import list_acts

FACTS, WRITERS, SUBJECTS = 3000, 20, 800


async def cut_off(db: Database, *, relays_only: bool) -> int:
    """End every connection to the database, or only those with the locks of a relay; how many."""
    killer = Database("order", db.dsn, 1)
    ended = await killer.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        " AND (NOT $1 OR pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'))",
        relays_only,
    )
    await killer.close()
    return ended


async def write(*announcers: Announcer, late: bool = True) -> None:
    """`FACTS` facts of `SUBJECTS` aggregates by many writers, of which some commit long after they announced.

    The first of each aggregate says that it is, so that it goes from memory; what comes soon after it does not.
    """
    numbers = itertools.count(1)
    rng = random.Random(7)

    async def writer() -> None:
        while (n := next(numbers)) <= FACTS:
            pause = rng.choice((0.0, 0.0, 0.001, 0.02)) if late else 0.0
            subject = f"s{rng.randrange(SUBJECTS)}"
            await rng.choice(announcers).change(subject, Placed(n=n), before_commit=pause, opening=Opened(n=n))

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


async def assert_all_arrived_in_order(system: System) -> None:
    for hearer in (system.inventory, system.notification):
        rows = await hearer.db.fetch("SELECT subject, aggregate_version AS version FROM inbox ORDER BY seq")
        assert len(rows) == FACTS
        last: dict[str, int] = {}
        for row in rows:
            # Each change of an aggregate is announced: a gap or a step back would show here.
            assert row["version"] == last.get(row["subject"], 0) + 1
            last[row["subject"]] = row["version"]
    assert await system.announcer.db.fetchval("SELECT count(*) FROM event_log") == FACTS


async def test_nothing_is_lost_or_overtaken_while_many_write_and_commit_late(system) -> None:
    system.relay()
    await write(system.announcer)
    await system.delivered()
    await assert_all_arrived_in_order(system)


async def test_two_relays_never_reorder_even_when_they_take_over_from_each_other(system) -> None:
    """Each relay loses its locks again and again in mid-delivery, and the other goes on."""
    other = await system.another_process()
    system.relay()
    system.relay(other.db, other.outbox)
    writing = asyncio.create_task(write(system.announcer, other))
    cuts = 0
    while not writing.done():
        cuts += await cut_off(other.db, relays_only=True)
        await asyncio.sleep(0.15)
    await writing
    await system.delivered()
    assert cuts >= 2
    await assert_all_arrived_in_order(system)
    await other.db.close()


async def test_processes_announce_of_the_same_subjects_in_turns_and_nothing_overtakes(system) -> None:
    """The first of a subject goes from the memory of one process, the next is found by the other."""
    other = await system.another_process()
    system.relay()
    await system.announcer.open(0)
    await system.delivered()
    system.relay(other.db, other.outbox)
    for n in range(1, 200):
        await (system.announcer, other)[n % 2].change(f"s{n}", Opened(n=n))
        await (system.announcer, other)[(n + 1) % 2].change(f"s{n}", Placed(n=n + 1000))
        if n % 20 == 0:  # so that nothing is owed, as a rule for as long as one of them takes
            await system.delivered()
            await asyncio.gather(*(each.change("long", Placed(n=n)) for each in (other, system.announcer) * 2))
    await system.delivered()
    for hearer in (system.inventory, system.notification):
        for n in range(1, 200):
            assert await hearer.kept(f"s{n}") == [n, n + 1000]
        versions = await hearer.db.fetch("SELECT aggregate_version FROM inbox WHERE subject = 'long' ORDER BY seq")
        assert [row["aggregate_version"] for row in versions] == list(range(1, 37))
    await other.db.close()


async def test_what_is_next_goes_from_memory_and_nothing_is_looked_up(system, monkeypatch) -> None:
    monkeypatch.setattr(pulse, "FIRST_SECONDS", 3600)
    relaying = system.relay()
    await system.announcer.open(1)
    await system.delivered()
    looks = noted_looks(monkeypatch)
    await system.announcer.open(2, 3)
    await system.delivered()
    assert looks == []
    # Nothing was owed, so nothing is looked up for what is said of it later either.
    await system.announcer.change("new3", Placed(n=4))
    await system.delivered()
    assert looks == []
    # Behind what is owed it is looked for, with what waits in memory.
    system.line.dead.add("notification")
    await system.announcer.change("new2", Placed(n=5))
    await system.announcer.change("new3", Placed(n=6))
    await system.announcer.open(7)
    await until(lambda: has_arrived(system.inventory, 7))
    assert "inventory" in looks
    system.line.dead.clear()
    await system.delivered()
    assert await system.inventory.kept() == [1, 2, 3, 4, 5, 6, 7]
    assert relaying._delivered == []
    assert relaying._outbox.arrived == set()


def noted_looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """For whom relays look up what is owed, from now on."""
    looks: list[str] = []
    fetch = relay._Session.fetch

    async def noting(session: relay._Session, sql: str, *arguments: object) -> list[object]:
        if sql == relay.OWED:
            looks.append(str(arguments[0]))
        return await fetch(session, sql, *arguments)

    monkeypatch.setattr(relay._Session, "fetch", noting)
    return looks


async def test_behind_what_has_arrived_nothing_is_looked_up_though_it_is_not_deleted_yet(system, monkeypatch) -> None:
    monkeypatch.setattr(pulse, "FIRST_SECONDS", 3600)
    relaying = system.relay()
    await system.announcer.open(0)
    await system.delivered()
    monkeypatch.setattr(relay, "TOGETHER_SECONDS", 3600)
    looks = noted_looks(monkeypatch)
    for n in (1, 2, 3):
        await system.announcer.place("a", n)
        await until(lambda n=n: acknowledged(relaying, 2 * n))
    assert looks == []
    # One of the two is not there: what follows is looked for, with what did not arrive.
    system.line.dead.add("notification")
    await system.announcer.place("a", 4)
    await until(lambda: has_arrived(system.inventory, 5))
    assert "inventory" not in looks
    await system.announcer.place("a", 5)
    await until(lambda: has_arrived(system.inventory, 6))
    assert "inventory" in looks
    system.line.dead.clear()
    await until(lambda: has_arrived(system.notification, 6))
    assert await system.inventory.kept("a") == await system.notification.kept("a") == [1, 2, 3, 4, 5]


async def acknowledged(relaying: relay.Relay, count: int) -> bool:
    return len(relaying._outbox.arrived) == count


async def test_what_did_not_arrive_from_memory_is_found_again_before_what_follows(system) -> None:
    system.relay()
    await system.announcer.open(1)
    await system.delivered()
    system.line.lost_answers = {"inventory": 1}
    system.line.dead = {"notification"}
    await system.announcer.change("a", Opened(n=2))
    await system.announcer.place("a", 3)
    await system.announcer.open(4)
    await until(lambda: has_arrived(system.inventory, 4))
    system.line.dead = set()
    await system.delivered()
    for hearer in (system.inventory, system.notification):
        assert sorted(await hearer.kept()) == [1, 2, 3, 4]
        assert await hearer.kept("a") == [2, 3]


async def test_what_is_refused_from_memory_is_parked_with_what_follows(system) -> None:
    system.relay()
    await system.announcer.open(1)
    await system.delivered()
    system.inventory.refuses = {2}
    await system.announcer.change("a", Opened(n=2))
    await system.delivered()
    await system.announcer.place("a", 3)
    await system.announcer.open(4)
    await system.delivered()
    assert await system.inventory.kept() == [1, 4]
    assert [reason for _, _, reason in await system.announcer.parked()] == [
        "not today",
        "behind an event that was refused",
    ]
    system.inventory.refuses = set()
    assert await outbox.redrive(system.announcer.db, "inventory") == 2
    await system.delivered()
    assert await system.inventory.kept("a") == [2, 3]


async def test_what_was_acknowledged_by_who_dies_before_the_delete_is_delivered_again_and_counts_once(
    system, monkeypatch
) -> None:
    monkeypatch.setattr(relay, "TOGETHER_SECONDS", 3600)
    other = await system.another_process()
    await system.announcer.open(0)
    dying = system.relay()
    await until(lambda: has_arrived(system.inventory, 1))
    await system.announcer.open(1, 2)
    await until(lambda: has_arrived(system.inventory, 3))
    await until(lambda: has_arrived(system.notification, 3))
    assert len(await system.announcer.owed()) == 6
    before = len(system.line.calls)
    # It does not come back: it knows still what was acknowledged, and could delete that.
    monkeypatch.setattr(relay, "back_off", lambda *_, **__: 3600.0)
    assert await cut_off(other.db, relays_only=True) == 1
    await dying.stop()
    monkeypatch.undo()
    system.relay(other.db, other.outbox)
    await system.delivered()
    assert len(system.line.calls) > before
    assert await system.inventory.kept() == await system.notification.kept() == [0, 1, 2]
    await other.db.close()


async def test_a_relay_that_dies_between_delivery_and_removal_delivers_again_and_it_counts_once(system) -> None:
    await system.announcer.place("a", 1, 2, 3)
    system.line.lost_answers = {"inventory": 2, "notification": 1}
    system.relay()
    await system.delivered()
    assert [calls for calls in system.line.calls if calls[0] == "inventory"] == [("inventory", 3)] * 3
    assert await system.inventory.kept() == [1, 2, 3]
    assert await system.notification.kept() == [1, 2, 3]


async def test_what_a_stopped_relay_left_the_next_one_delivers(system) -> None:
    system.line.dead = {"inventory"}
    first = system.relay()
    await system.announcer.place("a", 1, 2)
    await until(lambda: has_arrived(system.notification, 2))
    await first.stop()
    await system.announcer.place("a", 3)
    system.line.dead = set()
    system.relay()
    await system.delivered()
    assert await system.inventory.kept() == [1, 2, 3]
    assert await system.notification.kept() == [1, 2, 3]


async def test_a_dead_recipient_holds_up_nobody_and_gets_everything_in_order_when_it_is_back(system) -> None:
    system.line.dead = {"inventory"}
    system.relay()
    for n in range(1, 501):
        await system.announcer.change(f"s{n % 3}", Placed(n=n))
    await until(lambda: has_arrived(system.notification, 500))
    assert await system.inventory.kept() == []
    assert [recipient for recipient, _ in await system.announcer.owed()].count("inventory") == 500
    system.line.dead = set()
    await system.delivered()
    for subject in ("s0", "s1", "s2"):
        assert await system.inventory.kept(subject) == [n for n in range(1, 501) if f"s{n % 3}" == subject]


async def test_a_refusal_parks_its_subject_for_its_recipient_and_nothing_else(system) -> None:
    system.inventory.refuses = {2}
    await system.announcer.place("a", 1, 2, 3)
    await system.announcer.place("b", 4)
    system.relay()
    await system.delivered()
    await system.announcer.place("a", 5)
    await system.announcer.place("b", 6)
    await system.delivered()
    assert await system.inventory.kept() == [1, 4, 6]
    assert await system.notification.kept("a") == [1, 2, 3, 5]
    assert await system.announcer.parked() == [
        ("inventory", "a", "not today"),
        ("inventory", "a", "not today"),
        ("inventory", "a", "behind an event that was refused"),
    ]

    system.inventory.refuses = set()
    assert await outbox.redrive(system.announcer.db, "notification") == 0
    assert await outbox.redrive(system.announcer.db, "inventory", "b") == 0
    assert await outbox.redrive(system.announcer.db, "inventory", "a") == 3
    assert await outbox.redrive(system.announcer.db, "inventory", "a") == 0
    (act,) = await list_acts(system.announcer.db, limit=9)
    assert (act.actor, act.act, act.subject) == ("operator", "event.redriven", "a")
    assert (act.before, act.after) == ({"recipient": "inventory", "parked": 3}, None)
    await system.delivered()
    assert await system.inventory.kept("a") == [1, 2, 3, 5]
    assert await system.announcer.parked() == []


async def test_what_is_redriven_and_refused_again_is_parked_again(system) -> None:
    system.inventory.refuses = {1}
    await system.announcer.place("a", 1, 2)
    system.relay()
    await system.delivered()
    assert await outbox.redrive(system.announcer.db, "inventory") == 2
    await system.delivered()
    assert [subject for _, subject, _ in await system.announcer.parked()] == ["a", "a"]
    assert await system.inventory.kept() == []


async def test_what_was_refused_is_put_back_after_a_while_with_all_that_is_behind_it(system) -> None:
    """By a hearer of an older version, as a rule: it is replaced, and nobody has to remember what it refused."""
    system.inventory.refuses = {1, 4}
    await system.announcer.place("a", 1, 2)
    await system.announcer.place("b", 4)
    system.relay()
    await system.delivered()
    system.inventory.refuses = {4}
    db = system.announcer.db
    assert await outbox.put_back_refused(db, {"inventory"}) == 0
    await db.execute("UPDATE outbox_parked SET parked_at = now() - interval '1 hour' WHERE id IN (1, 3)")
    # Who is gone has no lane that would bring it.
    assert await outbox.put_back_refused(db, {"notification"}) == 0
    assert await outbox.put_back_refused(db, {"inventory"}) == 3
    await system.delivered()
    assert await system.inventory.kept() == [1, 2]
    assert [subject for _, subject, _ in await system.announcer.parked()] == ["b"]
    # Refused once more it waits as long once more.
    assert await outbox.put_back_refused(db, {"inventory"}) == 0
    assert await list_acts(db, limit=9) == []


async def test_what_is_discarded_never_arrives_and_what_was_behind_it_does(system) -> None:
    system.inventory.refuses = {1}
    ids = await system.announcer.announce_at_once([Announcement("a", n, Placed(n=n)) for n in (1, 2, 3)])
    system.relay()
    await system.delivered()
    db = system.announcer.db
    assert not await outbox.discard(db, "notification", ids[0], "it arrived there")
    assert not await outbox.discard(db, "inventory", uuid7(), "it is unknown")
    assert await outbox.discard(db, "inventory", ids[0], "counted by hand")
    assert not await outbox.discard(db, "inventory", ids[0], "once more")
    await system.delivered()
    assert await system.inventory.kept("a") == [2, 3]
    assert await system.announcer.parked() == []
    (act,) = await list_acts(db, limit=9)
    assert (act.actor, act.act, act.subject, act.reason) == (
        "operator",
        "event.discarded",
        ids[0],
        "counted by hand",
    )
    assert act.before == {"type": "order.placed", "of": "a", "recipient": "inventory"}


async def test_redriving_while_events_come_keeps_their_order(system) -> None:
    system.inventory.refuses = {1}
    system.relay()

    async def redrive_often() -> None:
        while True:
            await outbox.redrive(system.announcer.db, "inventory")
            await asyncio.sleep(0.003)

    redriving = asyncio.create_task(redrive_often())
    await system.announcer.place("a", *range(1, 150))
    system.inventory.refuses = set()
    await system.announcer.place("a", *range(150, 300))
    await until(lambda: has_arrived(system.inventory, 299))
    redriving.cancel()
    await asyncio.gather(redriving, return_exceptions=True)
    await outbox.redrive(system.announcer.db, "inventory")
    await system.delivered()
    assert await system.inventory.kept("a") == list(range(1, 300))


async def test_a_commit_wakes_the_relay_of_its_process_and_of_another(system, monkeypatch) -> None:
    monkeypatch.setattr(pulse, "FIRST_SECONDS", 3600)
    other = await system.another_process()
    system.relay()
    await system.announcer.place("a", 1)
    await until(lambda: has_arrived(system.inventory, 1), within_seconds=5)
    await system.delivered()
    await system.announcer.place("a", 2)
    await until(lambda: has_arrived(system.inventory, 2), within_seconds=5)
    system.relay(other.db, other.outbox)
    await other.place("a", 3)
    await until(lambda: has_arrived(system.inventory, 3), within_seconds=5)
    await other.db.close()


async def test_what_is_large_goes_in_several_calls_and_stays_in_order(system, monkeypatch) -> None:
    monkeypatch.setattr(relay, "CALL_BYTES", 2000)
    for n in range(1, 8):
        await system.announcer.change("a", Placed(n=n, note="x" * (2000 if n == 4 else 300)))
    system.inventory.refuses = {6}
    system.relay()
    await system.delivered()
    # 1-3, then 4 alone, then 5-7, of which 6 is refused and 7 with it.
    assert [size for name, size in system.line.calls if name == "inventory"] == [3, 1, 3]
    assert await system.inventory.kept() == [1, 2, 3, 4, 5]
    assert len(await system.announcer.parked()) == 2


async def test_what_follows_a_refused_event_in_a_later_call_is_not_sent(system, monkeypatch) -> None:
    monkeypatch.setattr(relay, "CALL_BYTES", 1)
    system.inventory.refuses = {2}
    await system.announcer.place("a", 1, 2, 3, 4)
    await system.announcer.place("b", 5)
    system.relay()
    await system.delivered()
    assert await system.inventory.kept() == [1, 5]
    assert [subject for _, subject, _ in await system.announcer.parked()] == ["a", "a", "a"]


async def test_nothing_is_parked_behind_what_was_put_back_since_it_was_read(system) -> None:
    system.inventory.refuses = {1}
    await system.announcer.place("a", 1)
    first = system.relay()
    await system.delivered()
    await first.stop()
    await system.announcer.place("a", 2)
    db = system.announcer.db
    (owed,) = [row for row in await db.fetch(relay.OWED, "inventory", list(range(16)), True) if row["behind_parked"]]
    await outbox.redrive(db, "inventory")
    await db.execute(relay.PARK_BEHIND, "inventory", [owed["id"]])
    assert await system.announcer.parked() == []
    assert await db.fetchval("SELECT count(*) FROM outbox WHERE recipient = 'inventory'") == 2


async def test_what_is_owed_to_somebody_who_is_gone_is_left_where_it_is_and_holds_up_nobody(
    system, monkeypatch
) -> None:
    monkeypatch.setattr(relay, "IDLE_SECONDS", 0.05)
    await system.announcer.place("a", 1)
    await system.announcer.db.execute("UPDATE outbox SET recipient = 'giftwrap' WHERE recipient = 'inventory'")
    system.relay()
    await system.announcer.place("a", 2)
    await until(lambda: owed_only_to(system, "giftwrap"))
    assert {recipient for recipient, _ in system.line.calls} == {"inventory", "notification"}
    assert await system.inventory.kept() == [2]
    assert await system.notification.kept() == [1, 2]
    # ... and the relay rests: it has let go of its connection.
    await until(lambda: no_locks(system.announcer.db))


async def owed_only_to(system: System, recipient: str) -> bool:
    return await system.announcer.owed() == [(recipient, "a")]


async def no_locks(db: Database) -> bool:
    return not await db.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


async def test_a_database_that_cuts_everybody_off_is_connected_to_again(system) -> None:
    system.relay()
    await system.announcer.place("a", 1)
    await system.delivered()
    assert await cut_off(system.announcer.db, relays_only=False) >= 3
    await until(lambda: placed(system, 2))
    await system.delivered()
    assert await system.inventory.kept() == [1, 2]


async def placed(system: System, n: int) -> bool:
    try:
        await system.announcer.place("a", n)
    except DatabaseUnavailable:
        return False
    return True


async def has_arrived(hearer, count: int) -> bool:
    return await hearer.arrived() == count
