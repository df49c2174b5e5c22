"""What announcing writes, when, and what it refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.kit.events.system import Delivered, Opened, Placed, Shipped

from stoa.kit import context, outbox
from stoa.kit.events import Event, Fact
from stoa.kit.outbox import Announcement, News, UndeclaredEvent, shard_of

LOG = "SELECT event_id, type, subject, aggregate_version, data FROM event_log ORDER BY id"


class Unheard(Fact, event="order.eaten", frozen=True, kw_only=True):
    n: int


async def test_a_fact_is_logged_and_owed_to_each_who_hears_of_it(announcer) -> None:
    with context.using(context.fresh()) as here:
        assert await announcer.change("a", Placed(n=7, note="é")) == 1
    (row,) = await announcer.db.fetch("SELECT * FROM event_log")
    assert (row["type"], row["subject"], row["aggregate_version"]) == ("order.placed", "a", 1)
    assert (row["data"], row["traceparent"]) == ({"n": 7, "note": "é"}, here.traceparent)
    owed = await announcer.db.fetch("SELECT recipient, id, shard FROM outbox ORDER BY recipient")
    assert [tuple(each) for each in owed] == [
        ("inventory", row["id"], shard_of("a")),
        ("notification", row["id"], shard_of("a")),
    ]


async def test_several_are_announced_in_their_order_and_each_to_its_own(announcer) -> None:
    facts = [
        Announcement("b", 3, Shipped(n=1)),
        Announcement("a", 1, Placed(n=2)),
        Announcement("a", 2, Delivered(n=3)),
        Announcement("c", 9, Shipped(n=4)),
    ]
    ids = await announcer.announce_at_once(facts)
    assert [tuple(row) for row in await announcer.db.fetch(LOG)] == [
        (ids[0], "order.shipped", "b", 3, {"n": 1}),
        (ids[1], "order.placed", "a", 1, {"n": 2, "note": ""}),
        (ids[2], "order.delivered", "a", 2, {"n": 3}),
        (ids[3], "order.shipped", "c", 9, {"n": 4}),
    ]
    assert await announcer.owed() == [
        ("inventory", "a"),
        ("notification", "b"),
        ("notification", "a"),
        ("notification", "c"),
    ]
    assert await announcer.announce_at_once([]) == []


async def test_what_nobody_hears_of_is_in_the_log_only(announcer) -> None:
    await announcer.change("a", Delivered(n=1))
    assert await announcer.db.fetchval("SELECT count(*) FROM event_log") == 1
    assert await announcer.owed() == []


async def test_what_is_rolled_back_was_never_announced(announcer) -> None:
    poked: list[object] = []
    announcer.outbox.hand_over = poked.append
    with pytest.raises(ZeroDivisionError):
        async with announcer.db.transaction() as tx:
            await announcer.outbox.announce(tx, subject="a", version=1, fact=Placed(n=1))
            raise ZeroDivisionError
    assert await announcer.db.fetchval("SELECT count(*) FROM event_log") == 0
    assert (await announcer.owed(), poked) == ([], [])


async def test_an_undeclared_type_is_refused_and_nothing_of_its_statement_is_written(announcer) -> None:
    async with announcer.db.transaction() as tx:
        with pytest.raises(UndeclaredEvent, match=r"order announces 'order.eaten', which stoa.app does not list"):
            await announcer.outbox.announce_all(
                tx, [Announcement("a", 1, Placed(n=1)), Announcement("a", 2, Unheard(n=2))]
            )
    assert await announcer.db.fetchval("SELECT count(*) FROM event_log") == 0


async def test_what_is_owed_is_handed_over_after_the_commit_encoded_once(announcer) -> None:
    taken: list[News] = []
    announcer.outbox.hand_over = taken.append
    async with announcer.db.transaction() as tx:
        facts = [
            Announcement("b", 1, Opened(n=1)),
            Announcement("a", 7, Placed(n=2)),
            Announcement("a", 8, Shipped(n=3)),
        ]
        ids = await announcer.outbox.announce_all(tx, facts)
        await announcer.outbox.announce(tx, subject="a", version=9, fact=Delivered(n=4))
        assert taken == []
    (news,) = taken
    numbers = {row["event_id"]: row["id"] for row in await announcer.db.fetch("SELECT id, event_id FROM event_log")}
    told = {name: [(each.event_id, each.subject, each.is_next) for each in owed] for name, owed in news.items()}
    both = [(ids[0], "b", True), (ids[1], "a", True)]
    assert told == {"inventory": both, "notification": [*both, (ids[2], "a", True)]}
    assert [each.number for each in news["notification"]] == [numbers[each] for each in ids]
    assert news["inventory"][1].document is news["notification"][1].document
    event = Event.decode(news["inventory"][1].document)
    assert (event.id, event.type, event.source, event.aggregateversion) == (ids[1], "order.placed", "order", 7)
    assert event.data == {"n": 2, "note": ""}


async def test_where_anything_is_owed_or_parked_only_what_is_first_is_next(announcer) -> None:
    async def announce() -> list[bool]:
        taken: list[News] = []
        announcer.outbox.hand_over = taken.append
        async with announcer.db.transaction() as tx:
            await announcer.outbox.announce(tx, subject="a", version=1, fact=Placed(n=1))
            await announcer.outbox.announce(tx, subject="b", version=1, fact=Opened(n=1))
        return [each.is_next for news in taken for each in news["notification"]]

    # What the transaction itself said before counts as owed, and is: nothing of it has arrived.
    assert await announce() == [True, True]
    assert await announce() == [False, True]
    await announcer.db.execute("DELETE FROM outbox")
    assert await announce() == [True, True]
    await announcer.db.execute("DELETE FROM outbox")
    await announcer.db.execute(
        "INSERT INTO outbox_parked (recipient, id, shard, subject, reason) VALUES ('inventory', 1, 0, 'a', '')"
    )
    assert await announce() == [False, True]


async def test_pruning_forgets_what_is_old_and_has_reached_everybody(announcer) -> None:
    for n, subject in enumerate(("owed", "parked", "gone", "new")):
        await announcer.change(subject, Shipped(n=n))
    await announcer.db.execute("DELETE FROM outbox WHERE id <> (SELECT min(id) FROM outbox)")
    await announcer.db.execute(
        "INSERT INTO outbox_parked (recipient, id, shard, subject, reason)"
        " SELECT 'notification', id, 0, subject, '' FROM event_log WHERE subject = 'parked'"
    )
    await announcer.db.execute("UPDATE event_log SET time = now() - interval '31 days' WHERE subject <> 'new'")
    assert await outbox.prune(announcer.db, timedelta(days=30)) == 1
    rows = await announcer.db.fetch("SELECT subject FROM event_log ORDER BY id")
    assert [row["subject"] for row in rows] == ["owed", "parked", "new"]
